"""What deserves the person's attention, told once: windows, the rule, claims, notifications."""
