"""The tables, one module per subject, all on one `MetaData` (`tables.base`)."""
