// A node seen through the stock JavaScript client: no custom types, no bundles of ours.
//
//   node e2e.mjs --url ws://127.0.0.1:9944 --lease 0 --suri //Charlie --input 0x... --sequence 9
//
// Submits a job under an open lease, waits for its settlement by blocks, reads the receipt event and
// the runtime API, and checks that everything decodes: every event and call of every block so far,
// the name and documentation of every event and error of ours, and a real module error. The lease's
// provider must be running. Last line: "N passed, N failed".

import { parseArgs } from 'node:util';
import { ApiPromise, Keyring, WsProvider } from '@polkadot/api';

const OURS = [
  'providerStake',
  'auditStake',
  'providers',
  'models',
  'leases',
  'jobs',
  'disputes',
  'audits',
];
const DEADLINE_MS = 240_000;

const { values: args } = parseArgs({
  options: {
    url: { type: 'string', default: 'ws://127.0.0.1:9944' },
    lease: { type: 'string' },
    suri: { type: 'string', default: '//Charlie' },
    input: { type: 'string' },
    sequence: { type: 'string' },
  },
});

let passed = 0;
let failed = 0;

function check(condition, what) {
  if (condition) {
    passed += 1;
    console.log(`ok      ${what}`);
  } else {
    failed += 1;
    console.log(`FAILED  ${what}`);
  }
}

function finish(api) {
  console.log(`${passed} passed, ${failed} failed`);
  const code = failed === 0 && passed > 0 ? 0 : 1;
  return api.disconnect().then(() => process.exit(code));
}

/** Every event and error of ours has a name and documentation; every one of all has a name. */
function checkNames(api) {
  for (const kind of ['errors', 'events']) {
    let all = 0;
    const nameless = [];
    const undocumented = [];
    for (const [section, members] of Object.entries(api[kind])) {
      for (const [name, member] of Object.entries(members)) {
        all += 1;
        const { meta } = member;
        if (!/^[A-Z][A-Za-z0-9]+$/.test(meta.name.toString())) {
          nameless.push(`${section}.${name}`);
        }
        const docs = meta.docs.map((line) => line.toString().trim()).join(' ').trim();
        if (OURS.includes(section) && docs === '') {
          undocumented.push(`${section}.${name}`);
        }
      }
    }
    check(nameless.length === 0, `all ${all} ${kind} have names ${nameless}`);
    check(undocumented.length === 0, `our ${kind} are documented ${undocumented}`);
  }
  for (const section of OURS) {
    check(section in api.errors && section in api.events, `the metadata has ${section}`);
  }
}

/** Sends a call and resolves with its events once it is in a block. */
function send(tx, pair) {
  return new Promise((resolve, reject) => {
    let stop = () => {};
    tx.signAndSend(pair, (result) => {
      if (result.isError) {
        reject(new Error(`the pool answered ${result.status.type}`));
      } else if (result.status.isInBlock) {
        stop();
        resolve({ hash: result.status.asInBlock, result });
      }
    }).then((unsubscribe) => {
      stop = unsubscribe;
    }, reject);
  });
}

/** A call that must fail with an error of ours, which must decode by name. */
async function checkModuleError(api, pair, parameters) {
  const nobody = '18446744073709551615';
  const input = { Inline: args.input };
  const tx = api.tx.jobs.submitJob(nobody, nobody, input, parameters, 0, 0, 0);
  const { result } = await send(tx, pair);
  const { dispatchError } = result;
  check(dispatchError?.isModule === true, 'a job under no lease fails with a module error');
  if (dispatchError?.isModule) {
    const { section, name, docs } = api.registry.findMetaError(dispatchError.asModule);
    check(OURS.includes(section), `it is an error of ours: ${section}.${name}`);
    check(docs.join('').trim() !== '', `it says what to do: ${docs.join(' ').trim()}`);
  }
}

/** Events and calls of one block; throws where something does not decode. */
async function readBlock(api, hash) {
  const [block, at] = await Promise.all([api.rpc.chain.getBlock(hash), api.at(hash)]);
  const events = await at.query.system.events();
  const calls = block.block.extrinsics.map(({ method }) => `${method.section}.${method.method}`);
  return { number: block.block.header.number.toNumber(), events, calls };
}

/** Follows blocks from `from` on, without gaps, until the job is settled. */
async function settled(api, from, digest) {
  const seen = { calls: new Set(), events: new Set(), receipt: null };
  let next = from;
  await new Promise((resolve, reject) => {
    let busy = Promise.resolve();
    api.rpc.chain
      .subscribeNewHeads((head) => {
        busy = busy.then(async () => {
          while (next <= head.number.toNumber() && !seen.receipt) {
            const block = await readBlock(api, await api.rpc.chain.getBlockHash(next));
            next += 1;
            block.calls.forEach((call) => seen.calls.add(call));
            for (const { event } of block.events) {
              seen.events.add(`${event.section}.${event.method}`);
              const mine = event.data.job?.toHex() === digest;
              if (mine && event.section === 'jobs' && event.method === 'JobExpired') {
                throw new Error(`the job expired: ${event.data.reason}`);
              }
              if (mine && event.section === 'jobs' && event.method === 'JobSettled') {
                seen.receipt = event.data;
                console.log(`        settled in block ${block.number}`);
              }
            }
          }
          if (seen.receipt) {
            resolve();
          }
        });
        busy.catch(reject);
      })
      .catch(reject);
  });
  return seen;
}

/** The phases of a job on one chain, in the order in which the node pushed them. */
async function phases(provider, digest, chain) {
  const seen = [];
  let over;
  const ended = new Promise((resolve) => {
    over = resolve;
  });
  await provider.subscribe('assay_job', 'assay_subscribeJob', [digest], (error, update) => {
    if (error) {
      console.error(error);
      over();
    } else if (update.chain === chain) {
      const phase = update.job?.phase.phase ?? 'none';
      if (seen.at(-1) !== phase) {
        seen.push(phase);
      }
      if (phase === 'none' && seen.length > 1) {
        over();
      }
    }
  });
  return ended.then(() => seen);
}

async function checkJob(api, provider, pair, parameters) {
  const nonce = await api.call.jobsApi.nextNonce(pair.address);
  const input = { Inline: args.input };
  const tx = api.tx.jobs.submitJob(args.lease, nonce, input, parameters, 0, 0, 0);
  const { hash, result } = await send(tx, pair);
  if (result.dispatchError) {
    const error = result.dispatchError;
    const name = error.isModule ? api.registry.findMetaError(error.asModule).name : error.type;
    throw new Error(`submit_job failed: ${name}`);
  }
  const submitted = result.findRecord('jobs', 'JobSubmitted');
  check(submitted !== undefined, 'submit_job emits JobSubmitted');
  const digest = submitted.event.data.job.toHex();
  const at = await api.at(hash);
  const view = await at.call.jobsApi.job(digest);
  check(view.isSome, 'the runtime API shows the open job');
  check(view.unwrap().lease.toString() === args.lease, 'under its lease');
  check(view.unwrap().tenant.toString() === pair.address, 'and its tenant');
  const header = await api.rpc.chain.getHeader(hash);
  const best = phases(provider, digest, 'best');
  const pushed = phases(provider, digest, 'finalized');
  const seen = await settled(api, header.number.toNumber(), digest);
  const receipt = seen.receipt.receipt;
  console.log(`        ${JSON.stringify(receipt.toHuman())}`);
  check(receipt.job.toHex() === digest, 'the receipt names the job');
  check(receipt.tenant.toString() === pair.address, 'the receipt names the tenant');
  // The settlement becomes final a few blocks later.
  const order = (await pushed).filter((phase, i) => phase !== 'none' || i > 0).join(' ');
  check(order === 'claiming revealing window none', `assay_subscribeJob pushes: ${order}`);
  const early = (await best).filter((phase, i) => phase !== 'none' || i > 0).join(' ');
  check(early === 'claiming revealing window none', `on the best chain too: ${early}`);
  check(receipt.count.toNumber() === 1, 'one step was computed');
  check(!receipt.price.toBn().isZero(), 'something was paid');
  check((await api.call.jobsApi.job(digest)).isNone, 'a settled job is gone from the state');
  for (const call of ['jobs.commit', 'jobs.reveal']) {
    check(seen.calls.has(call), `the worker's ${call} decodes`);
  }
  for (const event of ['jobs.SlotCommitted', 'jobs.SlotRevealed', 'leases.Paid']) {
    check(seen.events.has(event), `${event} decodes`);
  }
}

/** Everything that ever happened on this chain decodes. */
async function checkHistory(api) {
  const head = (await api.rpc.chain.getHeader()).number.toNumber();
  const names = new Set();
  for (let number = 1; number <= head; number += 1) {
    const block = await readBlock(api, await api.rpc.chain.getBlockHash(number));
    block.events.forEach(({ event }) => names.add(`${event.section}.${event.method}`));
  }
  check(names.size > 0, `all events of ${head} blocks decode: ${[...names].sort().join(' ')}`);
}

async function main() {
  for (const name of ['lease', 'input', 'sequence']) {
    if (args[name] === undefined) {
      throw new Error(`--${name} is missing`);
    }
  }
  const guard = setTimeout(() => {
    console.log(`FAILED  not done after ${DEADLINE_MS / 1000} s`);
    console.log(`${passed} passed, ${failed + 1} failed`);
    process.exit(1);
  }, DEADLINE_MS);
  const provider = new WsProvider(args.url);
  const api = await ApiPromise.create({ provider, noInitWarn: true });
  const pair = new Keyring({ type: 'sr25519' }).addFromUri(args.suri);
  const parameters = { batch: 1, sequence: Number(args.sequence), maxSteps: 1, sampling: null };
  checkNames(api);
  await checkModuleError(api, pair, parameters);
  await checkJob(api, provider, pair, parameters);
  await checkHistory(api);
  clearTimeout(guard);
  await finish(api);
}

main().catch((error) => {
  console.error(error);
  console.log(`${passed} passed, ${failed + 1} failed`);
  process.exit(1);
});
