// A real redis-server on loopback, which a test can pause, kill and restart.

import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { temporaryFolder } from './processes.mjs'
import { unusedPort } from './servers.mjs'

/** Starts a `redis-server`, with the arguments `before` and `after` those that it always gets. */
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
    /** Stops the process: its connections stay open, and it does not respond. */
    pause: () => server.kill('SIGSTOP'),
    resume: () => server.kill('SIGCONT'),
    /** The number of connections, except those of replicas, Sentinels and redis-cli. */
    connections: () =>
      cli(port, 'client', 'list')
        .split('\n')
        .filter((line) => / name= .* flags=N /.test(line) && !line.includes(' cmd=client|')).length,
    /** Runs `redis-cli`, and returns its output. */
    cli: (...args) => cli(port, ...args),
  }
}

/**
 * Starts a Sentinel that monitors `master` under the name `mymaster`. Half a second after the master's
 * last response, it promotes a replica.
 */
export async function startSentinel(t, master) {
  const file = `${await temporaryFolder(t)}/sentinel.conf`
  const settings = [
    `sentinel monitor mymaster 127.0.0.1 ${master.port} 1`,
    'sentinel down-after-milliseconds mymaster 500',
  ]
  await writeFile(file, settings.join('\n'))
  return await startRedis(t, { before: [file], after: ['--sentinel'] })
}

/** Starts a cluster of three masters. */
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
