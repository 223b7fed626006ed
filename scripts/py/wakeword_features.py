"""Makes the features of speech that tests of the wake-word networks use.

    wakeword_features.py <folder to write>
    wakeword_features.py <folder to write> <folder of recordings>

The first writes `<model>.features` for each of the four networks of `pymicro-wakeword`: its word, spoken by
`espeak-ng` after a second and a half of silence and before one, as the int8 rows that the
network's calls take (three frames of 40 features in a row). The front end is that of the package.
The files are kept in the repository, so this runs only to make them anew. It needs `espeak-ng` 1.51
(Debian 12) and, beside the packages of requirements.txt, `pymicro-features` 2.0.2, which tests do
not need.

The second writes `person.features`: a person who reads five sentences of "Sense and Sensibility" for
LibriVox, which gives its recordings to the public domain. They are the folder
`usr/share/pocketsphinx/test/data/librivox` of the Debian package `pocketsphinx-testdata`
0.8+5prealpha+1-15, 16 kHz each.
"""

import hashlib
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
# The end of a recording's name -> its SHA-256.
RECORDINGS = {
    "0870": "b0557cf95c974d930577e58e46b7f068c432a6e3afcc286563d88922b2a5315c",
    "0880": "fbec491ef00ee734a67f0ee318e98c51c157b479e1629ff4f4426861ecac0414",
    "0890": "5793ffbdee55fb8bfd284943a6866864c832d9d4accf2661cabd39915c84ee10",
    "0920": "40882414ef4cc51f3ff7a63bad0c8c87e7f595ffeb8209fbf756c8ebc5c28a59",
    "0930": "954adbf0b56ac8a148cbe77b39ca18d76b5f2a1e1f405565bd786ce3e68a68b7",
}
RECORDING = "sense_and_sensibility_01_austen_64kb-{}.wav"
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


def recorded(folder: pathlib.Path) -> np.ndarray:
    """int16 samples at 16 kHz of all recordings, one after the other."""
    sounds = []
    for number, digest in RECORDINGS.items():
        sound = (folder / RECORDING.format(number)).read_bytes()
        if hashlib.sha256(sound).hexdigest() != digest:
            sys.exit(f"recording {number} is another one")
        with wave.open(io.BytesIO(sound)) as opened:
            if (opened.getframerate(), opened.getnchannels(), opened.getsampwidth()) != (RATE, 1, 2):
                sys.exit(f"recording {number} has another form")
            sounds.append(np.frombuffer(opened.readframes(opened.getnframes()), "<i2"))
    return np.concatenate(sounds)


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


def main(folder: pathlib.Path, recordings: pathlib.Path | None) -> None:
    if recordings is not None:
        (folder / "person.features").write_bytes(features(recorded(recordings)).tobytes())
        return
    for name, spoken in SPOKEN.items():
        (folder / f"{name}.features").write_bytes(features(speak(*spoken)).tobytes())


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    paths = [pathlib.Path(path) for path in sys.argv[1:]]
    main(paths[0], paths[1] if len(paths) == 2 else None)
