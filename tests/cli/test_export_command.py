"""``segfit export``."""

from __future__ import annotations

from commands import run, run_process


def test_files_are_listed_and_labels_compared(tiny_model, tmp_path):
    result = run("export", tiny_model, "-o", tmp_path / "out", "--format", "onnx,openvino")
    assert result.exit_code == 0, result.output
    for name in ("segment.onnx", "segment.xml", "segment.bin", "model.json", "README.md"):
        assert (tmp_path / "out" / name).is_file()
        assert name in result.output
    assert "labels equal to the model's on 262," in result.output
    assert "of 262,144 pixels of astronaut.jpg, in ONNX Runtime" in result.output


def test_a_refiner_has_no_labels_to_compare(tiny_refiner, tmp_path):
    result = run("export", tiny_refiner, "-o", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert "labels equal" not in result.output


def test_it_needs_no_torch(tiny_model, tmp_path):
    result = run_process(
        "export", tiny_model, "-o", tmp_path / "out",
        before="import sys\nsys.modules['torch'] = None",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr


def test_without_onnx_help_and_message_are_there(tiny_model, tmp_path):
    missing = "import sys\nsys.modules['onnx'] = None\nsys.modules['onnxruntime'] = None"
    assert "an IR, .xml and .bin" in run_process("export", "--help", before=missing).stdout
    result = run_process("export", tiny_model, "-o", tmp_path / "out", before=missing)
    assert result.returncode == 2
    assert result.stderr.strip() == (
        'segfit: export needs onnx, not installed here: pip install "segfit[export]"'
    )
