import json
import platform

import soundfile
import torch

from stemweave.cli.app import main


def test_env_tells_what_is_installed(capsys):
    assert main(["env", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["torch"] == torch.__version__
    assert facts["python"] == platform.python_version()
    assert facts["libsndfile"] == soundfile.__libsndfile_version__
    assert facts["threads"] == torch.get_num_threads()
    assert main(["env"]) == 0
    assert f"torch                {torch.__version__}" in capsys.readouterr().out


def test_what_is_missing_is_named(capsys, monkeypatch):
    monkeypatch.setattr("stemweave.cli.env._EXTRAS", ("surely-not-a-package",))
    main(["env", "--json"])
    assert json.loads(capsys.readouterr().out)["surely-not-a-package"] == "not installed"
