// The process that is searched. Its credentials come from the environment, as on most servers.

import { once } from 'node:events'
import { VeltAuthClient } from 'velt-auth'

let client = new VeltAuthClient({ apiVersion: process.argv[2] })

async function collect() {
  for (let round = 0; round < 5; round += 1) {
    globalThis.gc()
    await new Promise(setImmediate)
  }
}

async function searched(state) {
  process.send(state)
  await once(process, 'message')
}

for (let user = 0; user < 20; user += 1) await client.getToken(`user-${user}`)
await client.getToken('eve')
await collect()
await searched('with the client')
client.close()
client = undefined
await collect()
await searched('after close()')
process.disconnect()
