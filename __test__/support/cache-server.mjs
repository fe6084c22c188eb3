// A server process with one client: `fork` it with the client's options, and send it messages
// `{ call, users }`. It replies with the outcome for each user: a user id, or `[user id, options]`.

import { VeltAuthClient } from 'velt-auth'

const client = new VeltAuthClient(JSON.parse(process.argv[2]))

const CALLS = {
  getToken: (userId, options) => client.getToken(userId, options),
  invalidate: (userId) => client.invalidate({ userId }),
}

process.on('message', async ({ call, users }) => {
  const answer = (user) => CALLS[call](...[user].flat()).catch(({ code }) => ({ code }))
  process.send(await Promise.all(users.map(answer)))
})
process.send('ready')
