// Starts, gets one token and ends: the cold start of one contender.

import { performance } from 'node:perf_hooks'
import { USERS } from '../request.mjs'

const { contender, ...options } = JSON.parse(process.argv[2])
const started = performance.now()
const { open } = await import(`../contenders/${contender}.mjs`)
const importTime = performance.now() - started
const token = await open(options)(USERS[0])

console.log(JSON.stringify({ importTime, failures: token ? 0 : 1 }))
process.exit()
