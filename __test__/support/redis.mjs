// A real redis-server on loopback, to be paused, killed and started again.

import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { temporaryFolder } from './processes.mjs'
import { unusedPort } from './servers.mjs'

/** One `redis-server`; `before` and `after` are more of its command line. */
export async function startRedis(t, { before = [], after = [] } = {}) {
  const port = await unusedPort()
  const folder = await temporaryFolder(t)
  let server

  async function start() {
    const settings = ['--port', port, '--bind', '127.0.0.1', '--dir', folder]
    server = spawn('redis-server', [...before, ...settings, ...after].map(String), {
      stdio: 'ignore',
    })
    while (!isUp(port)) await new Promise(setImmediate)
  }

  async function kill() {
    server.kill('SIGCONT')
    server.kill('SIGKILL')
    if (server.exitCode === null && server.signalCode === null) await once(server, 'exit')
  }

  await start()
  t.after(kill)
  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    start,
    kill,
    /** It keeps its connections, and answers nothing. */
    pause: () => server.kill('SIGSTOP'),
    resume: () => server.kill('SIGCONT'),
    /** What `redis-cli` prints. */
    cli: (...args) => cli(port, ...args),
  }
}

/** A Sentinel that watches `master` under the name `mymaster`. */
export async function startSentinel(t, master) {
  const file = `${await temporaryFolder(t)}/sentinel.conf`
  await writeFile(file, `sentinel monitor mymaster 127.0.0.1 ${master.port} 1\n`)
  return await startRedis(t, { before: [file], after: ['--sentinel'] })
}

/** Three masters that share the slots of a cluster. */
export async function startRedisCluster(t) {
  const nodes = []
  for (let index = 0; index < 3; index += 1) {
    nodes.push(await startRedis(t, { after: ['--cluster-enabled', 'yes'] }))
  }
  const addresses = nodes.map(({ port }) => `127.0.0.1:${port}`)
  cli(nodes[0].port, '--cluster', 'create', ...addresses, '--cluster-yes')
  while (nodes.some((node) => !node.cli('cluster', 'info').includes('cluster_state:ok'))) {
    await new Promise(setImmediate)
  }
  return { nodes, urls: nodes.map(({ url }) => url) }
}

function isUp(port) {
  return (
    spawnSync('redis-cli', ['-p', String(port), 'ping'])
      .stdout.toString()
      .trim() === 'PONG'
  )
}

function cli(port, ...args) {
  const { status, stdout, stderr } = spawnSync('redis-cli', ['-p', port, ...args].map(String))
  if (status !== 0) throw new Error(`redis-cli ${args.join(' ')}: ${stderr}${stdout}`)
  return stdout.toString('latin1')
}
