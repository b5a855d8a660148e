"""What people see: pure functions from what is known to htpy nodes."""

from .auth import auth_page
from .avatar import avatar
from .channel import channel_header, channel_main, channel_rows, channel_top, typing_line
from .chat import chat_actions, chat_header, chat_main, model_picker
from .composer import composer
from .document import Assets, document
from .errors import deleted_chat_main, error_main
from .home import home_main, is_eliza
from .menu import user_menu
from .message import message_editor, message_row, reactions
from .providers import Provider, Verification, provider_card, provider_list, providers_main, verification_line
from .shell import app_shell, server_link, toast
from .sidebar import channel_list, chat_list, people_list, sidebar
from .titles import channel_title
from .turn import turn, turn_blocks, turn_end, turn_state

__all__ = [
    "Assets",
    "Provider",
    "Verification",
    "app_shell",
    "auth_page",
    "avatar",
    "channel_header",
    "channel_list",
    "channel_main",
    "channel_rows",
    "channel_title",
    "channel_top",
    "chat_actions",
    "chat_header",
    "chat_list",
    "chat_main",
    "composer",
    "deleted_chat_main",
    "document",
    "error_main",
    "home_main",
    "is_eliza",
    "message_editor",
    "message_row",
    "model_picker",
    "people_list",
    "provider_card",
    "provider_list",
    "providers_main",
    "reactions",
    "server_link",
    "sidebar",
    "toast",
    "turn",
    "turn_blocks",
    "turn_end",
    "turn_state",
    "typing_line",
    "user_menu",
    "verification_line",
]
