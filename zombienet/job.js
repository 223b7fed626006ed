// Runs the job of the network test (see `cargo xtask net`): registers the provider at its own node,
// leases and submits at the tenant's. Resolves to 0 when the job is settled.

const { spawn } = require('node:child_process');
const path = require('node:path');

async function run(nodeName, networkInfo) {
  const provider = networkInfo.nodesByName.provider;
  const tenant = networkInfo.nodesByName[nodeName];
  const args = [
    'net-job',
    '--provider-url',
    provider.wsUri,
    '--provider-base',
    path.join(networkInfo.tmpDir, 'provider', 'data'),
    '--tenant-url',
    tenant.wsUri,
    ...Object.values(networkInfo.nodesByName).flatMap((node) => ['--peer-url', node.wsUri]),
  ];
  return new Promise((resolve, reject) => {
    const child = spawn(process.env.ASSAY_XTASK, args, { stdio: ['ignore', 'inherit', 'inherit'] });
    child.on('error', reject);
    child.on('exit', (code) => resolve(code ?? 1));
  });
}

module.exports = { run };
