// A server of its own: `fork` it with a client's options, and send it `{ call, users }`.

import { VeltAuthClient } from 'velt-auth'

const client = new VeltAuthClient(JSON.parse(process.argv[2]))

const CALLS = {
  getToken: (userId) => client.getToken(userId),
  invalidate: (userId) => client.invalidate({ userId }),
}

process.on('message', async ({ call, users }) => {
  const answer = (userId) => CALLS[call](userId).catch(({ code }) => ({ code }))
  process.send(await Promise.all(users.map(answer)))
})
process.send('ready')
