// Times llama.cpp on a GGUF file, prompt and steps apart, on request.
//
//     node llama.mjs --model <model.gguf> --threads N [--context N]
//
// Reads requests from standard input, one JSON object a line, and answers each with one line before
// it reads the next, so that a caller can take turns with what it compares to:
//
//     {"prompt": [1, 4093, ...], "steps": 128}
//     {"prompt_seconds": 0.2, "steps_seconds": 1.6, "prompt_processor_seconds": 0.2,
//      "steps_processor_seconds": 1.6, "count": 128, "tokens": [...], "peak_resident_bytes": 250000000}
//
// The prompt's time ends with the first token, that of the steps is for all tokens after it; both
// are greedy. Processor seconds are those that threads of this process ran. The first line of
// output, before any request, tells what will run; `base_resident_bytes` is what Node.js took before
// the model was loaded.
import fs from "node:fs";
import readline from "node:readline";
import {parseArgs} from "node:util";
import {getLlama, LlamaLogLevel, getModuleVersion} from "node-llama-cpp";

const {values} = parseArgs({
	options: {
		model: {type: "string"},
		threads: {type: "string"},
		context: {type: "string", default: "2304"},
	},
});
const threads = Number(values.threads);
const contextSize = Number(values.context);
if (!values.model || !(threads >= 1) || !(contextSize >= 1)) {
	console.error("usage: node llama.mjs --model <model.gguf> --threads N [--context N]");
	process.exit(2);
}

function peakResident() {
	const status = fs.readFileSync("/proc/self/status", "utf8");
	return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1] ?? 0) * 1024;
}

function processorSeconds() {
	let nanoseconds = 0;
	for (const thread of fs.readdirSync("/proc/self/task")) {
		try {
			const text = fs.readFileSync(`/proc/self/task/${thread}/schedstat`, "utf8");
			nanoseconds += Number(text.split(" ")[0]);
		} catch {
			// A thread that ended between the two calls.
		}
	}
	return nanoseconds / 1e9;
}

function now() {
	return [performance.now() / 1e3, processorSeconds()];
}

const llama = await getLlama({
	gpu: false,
	build: "never",
	skipDownload: true,
	maxThreads: threads,
	logLevel: LlamaLogLevel.error,
});
const base_resident_bytes = peakResident();
const began = performance.now();
const model = await llama.loadModel({modelPath: values.model, useMmap: true});
const context = await model.createContext({contextSize, batchSize: 512, threads});
const sequence = context.getSequence();

async function run({prompt, steps}) {
	await sequence.clearHistory();
	const tokens = [];
	const start = now();
	let first = start;
	for await (const token of sequence.evaluate(prompt, {temperature: 0, yieldEogToken: true})) {
		tokens.push(token);
		if (tokens.length === 1) {
			first = now();
		}
		if (tokens.length >= steps) {
			break;
		}
	}
	const end = now();
	return {
		prompt_seconds: first[0] - start[0],
		steps_seconds: end[0] - first[0],
		prompt_processor_seconds: first[1] - start[1],
		steps_processor_seconds: end[1] - first[1],
		count: tokens.length,
		tokens,
		peak_resident_bytes: peakResident(),
	};
}

console.log(JSON.stringify({
	ready: true,
	node_llama_cpp: await getModuleVersion(),
	llama_cpp: llama.llamaCppRelease.release,
	threads,
	load_seconds: (performance.now() - began) / 1e3,
	base_resident_bytes,
	system: llama.systemInfo.trim(),
}));
for await (const line of readline.createInterface({input: process.stdin})) {
	console.log(JSON.stringify(await run(JSON.parse(line))));
}
process.exit(0);
