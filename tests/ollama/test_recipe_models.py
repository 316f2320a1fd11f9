"""The models of a real Ollama, where a recipe names one."""

from pathlib import Path

from tests.lsp.test_faults import CONFIG, sidecar
from tests.lsp.test_recipe_language import GOOD, Document, place
from tests.ollama.serving import MODEL, RealOllama


def test_a_model_that_ollama_has_not_is_a_warning(ollama: RealOllama, tmp_path: Path) -> None:
    def naming(model: str) -> str:
        return GOOD.replace("options:", f"model: {model}\noptions:")

    config = CONFIG | {"inference": {"engine": "ollama", "base_url": ollama.base_url}}
    with sidecar(tmp_path, config=config) as frames:
        recipe = Document(frames, tmp_path, naming("llama9:1b"))
        (warning,) = recipe.problems()
        assert warning["severity"] == 2
        assert warning["range"] == place(2, 7, 16)
        assert "no engine has the model 'llama9:1b'" in warning["message"]
        assert MODEL in recipe.labels(2, 7)
        recipe.change(naming(MODEL))
        assert recipe.problems() == []
