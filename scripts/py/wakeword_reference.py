"""What `ai-edge-litert` makes of audio features by a wake-word network: the numbers to equal.

    wakeword_reference.py <model.tflite> [--ties] < rows > bytes

Each row on standard input is the int8 input of one call of the network; for each, standard output
gets the bytes that its layers make, in their order, and then the network's output byte. A layer is
a convolution, the filters before it (side by side, where there are several), or the product at the
end. The interpreter is the one that `Interpreter(model_path)` gives: XNNPACK's kernels on the CPU.

To see inside, the layers are made outputs of the graph; the file as it was published is run beside
it, and must give the same byte.

With `--ties` the input is ignored. Instead, every layer is run once by itself, without weights, so
that its sums are its biases; and these are sums whose exact product with the layer's scale is not
halfway between two integers, but is so once it is a float32. They tell float32 kernels from all
others. The output is text: for each such sum the layer, the channel, the sum and the byte it
becomes. Filters side by side are one layer.
"""

import argparse
import pathlib
import sys

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

OPERATORS = {
    value: name for name, value in vars(schema.BuiltinOperator).items() if isinstance(value, int)
}
LAYERS = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")


def read(path: pathlib.Path) -> schema.ModelT:
    return schema.ModelT.InitFromPackedBuf(path.read_bytes(), 0)


def pack(model: schema.ModelT) -> bytes:
    model.signatureDefs = None
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def kind(model: schema.ModelT, operator: schema.OperatorT) -> str:
    code = model.operatorCodes[operator.opcodeIndex]
    return OPERATORS[max(code.builtinCode, code.deprecatedBuiltinCode)]


def layers(model: schema.ModelT) -> list[int]:
    """The tensors that layers make, in the order of the layers."""
    made, filtered = [], set()
    for operator in model.subgraphs[0].operators:
        name = kind(model, operator)
        output = int(operator.outputs[0]) if len(operator.outputs) else -1
        if name == "DEPTHWISE_CONV_2D":
            filtered.add(output)
        elif name == "CONCATENATION" and set(map(int, operator.inputs)) <= filtered:
            filtered.add(output)
        elif name in LAYERS:
            if int(operator.inputs[0]) in filtered:
                made.append(int(operator.inputs[0]))
            made.append(output)
    return made


def interpreter(**source) -> Interpreter:
    made = Interpreter(num_threads=1, **source)
    made.allocate_tensors()
    return made


def call(network: Interpreter, row: np.ndarray) -> list[np.ndarray]:
    given = network.get_input_details()[0]
    network.set_tensor(given["index"], row.reshape(given["shape"]))
    network.invoke()
    return [network.get_tensor(made["index"]) for made in network.get_output_details()]


def run(path: pathlib.Path, rows: bytes) -> bytes:
    model = read(path)
    graph = model.subgraphs[0]
    graph.outputs = np.concatenate([graph.outputs, layers(model)]).astype(np.int32)
    opened, published = interpreter(model_content=pack(model)), interpreter(model_path=str(path))
    width = int(np.prod(published.get_input_details()[0]["shape"]))
    made = bytearray()
    for row in np.frombuffer(rows, np.int8).reshape(-1, width):
        output, *inside = call(opened, row)
        (plain,) = call(published, row)
        if output.tobytes() != plain.tobytes():
            sys.exit("the network gives something else once its layers are outputs")
        for layer in [*inside, output]:
            made += layer.tobytes()
    return bytes(made)


def tie(scale: np.float32, zero: int, positive: bool) -> int:
    """A sum that float32 puts halfway between two integers and exact arithmetic does not."""
    low = 1 if positive else int((-127 - zero) / scale)
    sums = np.arange(low, int((126 - zero) / scale), dtype=np.int64)
    rounded = np.rint(sums.astype(np.float32) * scale)
    exact = np.floor(sums.astype(np.float64) * np.float64(scale) + 0.5)
    found = sums[rounded != exact]
    return int(found[len(found) // 2]) if len(found) else 0


def replace(model: schema.ModelT, tensor: int, data: np.ndarray) -> None:
    buffer = schema.BufferT()
    buffer.data = np.frombuffer(data.tobytes(), np.uint8)
    model.buffers.append(buffer)
    model.subgraphs[0].tensors[tensor].buffer = len(model.buffers) - 1


def ties(path: pathlib.Path) -> str:
    lines, layer, channel, before = [], -1, 0, None
    for number, operator in enumerate(read(path).subgraphs[0].operators):
        model = read(path)
        name = kind(model, operator)
        if name not in LAYERS:
            continue
        if name != "DEPTHWISE_CONV_2D" or before != name:
            layer, channel = layer + 1, 0
        before = name
        graph = model.subgraphs[0]
        given, weights, bias = (int(index) for index in operator.inputs)
        made = int(operator.outputs[0])
        tensors = [graph.tensors[index] for index in (given, weights, made)]
        scales = [tensor.quantization.scale.astype(np.float32) for tensor in tensors]
        zero = int(tensors[2].quantization.zeroPoint[0])
        relu = operator.builtinOptions.fusedActivationFunction == 1
        rows = int(graph.tensors[bias].shape[0])
        by_row = np.broadcast_to(scales[0] * scales[1] / scales[2], rows)
        sums = np.array([tie(scale, zero, relu) for scale in by_row], np.int32)
        replace(model, weights, np.zeros(graph.tensors[weights].shape, np.int8))
        replace(model, bias, sums)
        graph.operators, model.subgraphs = [graph.operators[number]], [graph]
        graph.inputs, graph.outputs = np.array([given], np.int32), np.array([made], np.int32)
        point = np.int8(tensors[0].quantization.zeroPoint[0])
        row = np.full(tensors[0].shape, point, np.int8)
        (output,) = call(interpreter(model_content=pack(model)), row)
        found = zip(sums.tolist(), output.ravel().tolist())
        for at, (total, y) in enumerate(found, channel):
            if total:
                lines.append(f"{layer} {at} {total} {y}\n")
        channel += rows
    return "".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("--ties", action="store_true")
    arguments = parser.parse_args()
    if arguments.ties:
        sys.stdout.write(ties(arguments.model))
    else:
        sys.stdout.buffer.write(run(arguments.model, sys.stdin.buffer.read()))


if __name__ == "__main__":
    main()
