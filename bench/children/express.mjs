// An Express server with the endpoint of one contender. Prints its port. SIGUSR2 starts the meter, and
// the end of stdin stops it.

import { once } from 'node:events'
import express from 'express'
import { USERS } from '../request.mjs'
import { startMeter } from './meter.mjs'

const { contender, ...options } = JSON.parse(process.argv[2])
const { createEndpoint } = await import(`../endpoints/${contender}.mjs`)

let calls = 0
const app = express()
app.use((req, _res, next) => {
  req.user = USERS[calls++ % USERS.length]
  next()
})
app.post('/token', createEndpoint(options))

const server = app.listen(0, '127.0.0.1')
await once(server, 'listening')
console.log(server.address().port)

await once(process, 'SIGUSR2')
const before = calls
const meter = startMeter()
await once(process.stdin.resume(), 'end')
console.log(JSON.stringify({ ...meter.stop(calls - before), ...(await meter.delays()) }))
process.exit()
