"""Reactions: their names on the wire (short codes, as Open WebUI stores them) and how they look."""

from __future__ import annotations

import htpy as h

QUICK = (
    "thumbsup", "heart", "joy", "tada", "eyes", "pray",
    "rocket", "thinking", "white_check_mark", "clap", "cry", "thumbsdown",
)  # fmt: skip
"""What the picker offers, in its order."""

_BY_NAME = {
    "thumbsup": "👍", "+1": "👍", "thumbsdown": "👎", "-1": "👎", "heart": "❤️", "red_heart": "❤️",
    "joy": "😂", "tada": "🎉", "eyes": "👀", "pray": "🙏", "rocket": "🚀", "thinking": "🤔",
    "thinking_face": "🤔", "white_check_mark": "✅", "heavy_check_mark": "✔️", "clap": "👏",
    "cry": "😢", "smile": "😄", "smiley": "😃", "grinning": "😀", "grin": "😁", "laughing": "😆",
    "sweat_smile": "😅", "rofl": "🤣", "rolling_on_the_floor_laughing": "🤣", "wink": "😉",
    "blush": "😊", "heart_eyes": "😍", "kissing_heart": "😘", "sunglasses": "😎", "neutral_face": "😐",
    "expressionless": "😑", "unamused": "😒", "sweat": "😓", "pensive": "😔", "confused": "😕",
    "disappointed": "😞", "worried": "😟", "angry": "😠", "rage": "😡", "sob": "😭", "scream": "😱",
    "flushed": "😳", "sleeping": "😴", "dizzy_face": "😵", "mask": "😷", "upside_down": "🙃",
    "upside_down_face": "🙃", "hugging": "🤗", "hugging_face": "🤗", "zipper_mouth": "🤐",
    "nerd": "🤓", "nerd_face": "🤓", "partying": "🥳", "partying_face": "🥳", "pleading": "🥺",
    "pleading_face": "🥺", "melting_face": "🫠", "salute": "🫡", "saluting_face": "🫡", "skull": "💀",
    "ghost": "👻", "robot": "🤖", "robot_face": "🤖", "poop": "💩", "hankey": "💩", "wave": "👋",
    "raised_hands": "🙌", "ok_hand": "👌", "v": "✌️", "muscle": "💪", "point_up": "☝️",
    "point_down": "👇", "point_left": "👈", "point_right": "👉", "fist": "✊", "punch": "👊",
    "facepunch": "👊", "handshake": "🤝", "crossed_fingers": "🤞", "fingers_crossed": "🤞",
    "writing_hand": "✍️", "shrug": "🤷", "facepalm": "🤦", "face_palm": "🤦", "orange_heart": "🧡",
    "yellow_heart": "💛", "green_heart": "💚", "blue_heart": "💙", "purple_heart": "💜",
    "broken_heart": "💔", "sparkling_heart": "💖", "star": "⭐", "star2": "🌟", "sparkles": "✨",
    "fire": "🔥", "boom": "💥", "collision": "💥", "zap": "⚡", "100": "💯", "trophy": "🏆",
    "medal": "🏅", "gift": "🎁", "balloon": "🎈", "confetti_ball": "🎊", "beers": "🍻", "beer": "🍺",
    "coffee": "☕", "pizza": "🍕", "cake": "🍰", "bug": "🐛", "wrench": "🔧", "hammer": "🔨",
    "gear": "⚙️", "bulb": "💡", "memo": "📝", "pencil": "📝", "book": "📖", "link": "🔗", "lock": "🔒",
    "key": "🔑", "mag": "🔍", "bell": "🔔", "calendar": "📅", "hourglass": "⌛", "alarm_clock": "⏰",
    "warning": "⚠️", "x": "❌", "no_entry": "⛔", "question": "❓", "exclamation": "❗", "soon": "🔜",
    "white_circle": "⚪", "red_circle": "🔴", "green_circle": "🟢", "dog": "🐶", "cat": "🐱",
    "sunny": "☀️", "snowflake": "❄️", "rainbow": "🌈", "earth_africa": "🌍", "see_no_evil": "🙈",
    "hear_no_evil": "🙉", "speak_no_evil": "🙊",
}  # fmt: skip


def glyph(name: str) -> str:
    """What a reaction shows: its picture, a picture that is its own name, or the name between colons."""
    if known := _BY_NAME.get(name.strip(":").lower()):
        return known
    return name if name and not name.isascii() and len(name) <= 8 else f":{name}:"


def spoken(name: str) -> str:
    """A reaction's name as words, for a label."""
    return name.strip(":").replace("_", " ")


def picker() -> h.Element:
    """The one picker of a page; a row's button opens it beside itself, with no script."""
    return h.div("#emoji-picker", popover=True, role="group", aria_label="Choose a reaction")[
        [
            h.button(type="button", data_name=name, aria_label=spoken(name), title=spoken(name))[glyph(name)]
            for name in QUICK
        ]
    ]
