"""Makes the features of spoken words that tests of the wake-word networks use.

    wakeword_features.py <folder to write>

Writes `<model>.features` for each of the four networks of `pymicro-wakeword`: its word, spoken by
`espeak-ng` after a second and a half of silence and before one, as the int8 rows that the
network's calls take (three frames of 40 features in a row). The front end is that of the package.
The files are kept in the repository, so this runs only to make them anew. It needs `espeak-ng` 1.51
(Debian 12) and, beside the packages of requirements.txt, `pymicro-features` 2.0.2, which tests do
not need.
"""

import io
import pathlib
import subprocess
import sys
import wave

import numpy as np
from pymicro_features import MicroFrontend

# Network -> what is said, voice, words a minute.
SPOKEN = {
    "alexa": ("Alexa", "en-us", 150),
    "hey_jarvis": ("Hey Jarvis", "en-us+f3", 150),
    "hey_mycroft": ("Hey Mycroft", "en-us", 180),
    "okay_nabu": ("Okay Nabu", "en+m3", 150),
}
RATE = 16_000
FRAMES = 3
# Scale and zero point of the input of all four networks.
SCALE = np.float32(26 / 255)
ZERO = -128


def speak(text: str, voice: str, speed: int) -> np.ndarray:
    """int16 samples at 16 kHz."""
    command = ["espeak-ng", "-v", voice, "-s", str(speed), "--stdout", text]
    sound = subprocess.run(command, check=True, capture_output=True).stdout
    with wave.open(io.BytesIO(sound)) as opened:
        rate = opened.getframerate()
    # The length in the header is that of a stream, so the samples are taken as they come.
    samples = np.frombuffer(sound[44:], "<i2").astype(np.float64)
    places = np.arange(int(len(samples) * RATE / rate)) * rate / RATE
    word = np.interp(places, np.arange(len(samples)), samples).astype("<i2")
    return np.concatenate([np.zeros(3 * RATE // 2, "<i2"), word, np.zeros(RATE, "<i2")])


def features(samples: np.ndarray) -> np.ndarray:
    """int8 rows of three frames each; frames that fill no row are left out."""
    frontend, sound, frames = MicroFrontend(), samples.tobytes(), []
    at, step = 0, 2 * RATE // 100
    while at + step <= len(sound):
        made = frontend.process_samples(sound[at : at + step])
        at += 2 * made.samples_read
        if made.features:
            frames.append(made.features)
    rows = np.array(frames[: len(frames) // FRAMES * FRAMES]).reshape(-1, FRAMES * 40)
    return np.clip(np.round(rows / SCALE + ZERO), -128, 127).astype(np.int8)


def main(folder: pathlib.Path) -> None:
    for name, spoken in SPOKEN.items():
        (folder / f"{name}.features").write_bytes(features(speak(*spoken)).tobytes())


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(pathlib.Path(sys.argv[1]))
