// Drives libmbus (npm package node-mbus): node libmbus_reader.js OPTIONS JOBS
//   OPTIONS  JSON for MbusMaster, e.g. {"host":"127.0.0.1","port":2445} or {"serialPort":"/dev/pts/3"}
//   JOBS     JSON list of ["scan"], ["read", ADDRESS] or ["read-bare", ADDRESS] (no ping first)
// Prints one JSON line per job: {"job": [...], "result": ...} or {"job": [...], "error": "..."}.
'use strict';
const MbusMaster = require('node-mbus');

const options = JSON.parse(process.argv[2]);
const jobs = JSON.parse(process.argv[3]);
const master = new MbusMaster({ autoConnect: true, ...options });

async function run(job) {
  const [verb, address] = job;
  if (verb === 'scan') return master.scanSecondaryAsync();
  return master.getDataAsync(address, { pingFirst: verb === 'read' });
}

(async () => {
  for (const job of jobs) {
    let line;
    try {
      line = { job, result: await run(job) };
    } catch (error) {
      line = { job, error: String(error && error.message ? error.message : error) };
    }
    process.stdout.write(JSON.stringify(line) + '\n');
  }
  master.close(() => process.exit(0), true);
})();
