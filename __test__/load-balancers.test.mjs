// Velt behind a real load balancer, which is reloaded, replaced or killed, or which closes connections.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { createAuthority } from './support/certificates.mjs'
import { emulate } from './support/emulator.mjs'
import { PROCESS, startHaproxy, startNginx } from './support/load-balancers.mjs'
import { startClient, startServer } from './support/shared-cache.mjs'
import { needs } from './support/tools.mjs'

const NGINX = { ...needs('nginx', '-v'), timeout: 60_000 }
const HAPROXY = { ...needs('haproxy', '-v'), timeout: 60_000 }

const authority = await createAuthority()
const certificate = await authority.issue()

/** Starts 64 callers behind a load balancer. They end when the test ends, or when a call fails. */
async function startCallers(t, startBalancer, isHttp2, maxAttempts) {
  const { emulator, options } = await emulate(t)
  const balancer = await startBalancer(t, { upstream: emulator.url, certificate, isHttp2 })
  const { baseUrl } = balancer
  const client = startClient(t, { ...options, baseUrl, ca: authority.pem, maxAttempts })
  let isStopped = false
  async function makeCalls(_, caller) {
    while (!isStopped) await client.generateToken(`user-${caller}`)
  }
  const callers = Promise.all(Array.from({ length: 64 }, makeCalls))
  const { requests } = emulator
  return {
    balancer,
    /** Waits for 200 more requests. */
    async more() {
      const end = requests.length + 200
      while (requests.length < end) await Promise.race([pause(1), callers])
    },
    /** Waits until another process of the load balancer gets the requests. */
    async move() {
      const before = requests.at(-1).headers[PROCESS]
      const hasMoved = () => requests.slice(-64).every(({ headers }) => headers[PROCESS] !== before)
      while (!hasMoved()) await Promise.race([pause(1), callers])
    },
    async stop() {
      isStopped = true
      await callers
      t.diagnostic(`${requests.length} requests`)
    },
  }
}

for (const isHttp2 of [true, false]) {
  const protocol = isHttp2 ? 'HTTP/2' : 'HTTP/1.1'

  for (const [name, startBalancer, options] of [
    ['nginx is reloaded', startNginx, NGINX],
    ['HAProxy is replaced', startHaproxy, HAPROXY],
  ]) {
    test(`${protocol}: no call fails while ${name} twice under load`, options, async (t) => {
      const { balancer, more, move, stop } = await startCallers(t, startBalancer, isHttp2, 1)
      for (let round = 0; round < 2; round += 1) {
        await more()
        const moved = move()
        await balancer.replace()
        await moved
      }
      await stop()
    })
  }

  test(`${protocol}: no call fails while HAProxy is killed under load`, HAPROXY, async (t) => {
    // On a busy machine, HAProxy takes half a second to start. Four attempts take one second at least.
    const callers = await startCallers(t, startHaproxy, isHttp2, 4)
    await callers.more()
    await callers.balancer.kill()
    await callers.balancer.start()
    await callers.more()
    await callers.stop()
  })

  test(
    `${protocol}: no call fails after nginx closed the sockets of a stopped process`,
    NGINX,
    async (t) => {
      const { emulator, options } = await emulate(t)
      const settings = { upstream: emulator.url, certificate, isHttp2, keepAlive: 1 }
      const { baseUrl, connections } = await startNginx(t, settings)
      const call = await startServer(t, { ...options, baseUrl, ca: authority.pem, maxAttempts: 1 })
      for (let round = 0; round < 3; round += 1) {
        const users = Array.from({ length: 20 }, (_, index) => `user-${round}-${index}`)
        if (round > 0) {
          call.pause()
          while ((await connections()) > 0) await pause(10)
        }
        const outcomes = call('getToken', users)
        call.resume()
        for (const { token, code } of await outcomes) assert.ok(token, code)
      }
    },
  )
}
