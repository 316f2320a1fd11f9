"""Whether a text looks English, by its script and its smallest words. Pure and cheap."""

from __future__ import annotations

import re
import unicodedata

# Frequent small words. Few of them are English words in spelling.
_SMALL_WORDS = {
    "English": "the and of to is was that it for you with my have this they be are from his her "
    "she at but what all were when we your can said there which their will would about if out "
    "them then so some into has more no our who than just not i'm don't i do did "
    "does me as he had or by nothing",
    "German": "der die das und ich nicht ist ein eine mit auf für sich dem den wir sie aber auch "
    "mein meine bin habe wie nur noch sehr mich von",
    "French": "le la les et je ne pas est un une des dans pour que qui vous nous mon ma mes avec "
    "sur suis j'ai très c'est elle",
    "Spanish": "el los las y yo no es un una que por para con mi mis estoy muy pero como más del "
    "se lo está me",
    "Portuguese": "o os as e eu não é um uma que por para com meu minha estou muito mas como mais "
    "do da se está",
    "Italian": "il gli le e io non è un una che per con mio mia sono molto ma come più del della "
    "si",
    "Dutch": "de het een en ik niet is van op met voor mijn zijn maar ook dat die ben heb wij zo",
    "Swedish": "och jag inte är en ett det som på med för min mitt men så har av till",
    "Polish": "i nie jest w z na że się do mój moja ale jak bardzo to jestem mnie",
}
_COUNTED = {name: frozenset(words.split()) for name, words in _SMALL_WORDS.items()}
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
# Fewer different words than this may be chance: names, titles, a borrowed word.
_ENOUGH = 2


def language_warning(text: str) -> str | None:
    """A warning when `text` does not look English, in which models are surest of feelings."""
    letters = [char for char in text if char.isalpha()]
    if not letters:
        return "The text has no letters, so its feeling is a guess."
    foreign = sum("LATIN" not in unicodedata.name(char, "") for char in letters)
    if foreign * 2 > len(letters):
        return _said("The text is not in Latin script.")
    words = {word.lower().replace("’", "'") for word in _WORD.findall(text)}
    hits = {name: len(words & small) for name, small in _COUNTED.items()}
    likeliest = max(hits, key=lambda name: hits[name])
    if hits[likeliest] >= _ENOUGH and hits[likeliest] > hits["English"]:
        return _said(f"The text looks {likeliest}.")
    return None


def _said(finding: str) -> str:
    return f"{finding} The feeling is less certain than it would be in English."
