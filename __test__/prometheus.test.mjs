// The sample in docs/observability.md that reports `client.stats()` to Prometheus.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { emulate } from './support/emulator.mjs'
import { readSamples, runSample } from './support/samples.mjs'

const LAST_LINE = 'console.log(await register.metrics())'

test('every counter of stats() is a metric, with its value', async (t) => {
  const { emulator, options } = await emulate(t)
  const samples = await readSamples('docs/observability.md')
  const sample = samples.find(({ code }) => code.includes("'prom-client'"))
  process.env.VELT_BASE_URL = options.baseUrl
  process.env.VELT_API_KEY = options.apiKey
  process.env.VELT_AUTH_TOKEN = options.authToken
  emulator.fault({ error: { status: 'INVALID_ARGUMENT' } })
  const code = sample.code.replace(
    LAST_LINE,
    `await client.getToken('bob').catch(() => {})
     await Promise.all([client.getToken('ada'), client.getToken('ada')])
     await client.getToken('ada')
     await register.metrics()
     ${LAST_LINE}
     console.log('#', JSON.stringify(client.stats()))`,
  )
  const printed = await runSample({ ...sample, code })
  const metrics = printed.split('\n').filter((line) => /^velt_auth/.test(line))
  assert.deepEqual(metrics.sort(), [
    'velt_auth_cache_entries 1',
    'velt_auth_cache_hits_total 1',
    'velt_auth_cache_joins_total 1',
    'velt_auth_cache_misses_total 2',
    'velt_auth_cache_stale_total 0',
    'velt_auth_circuit_breaker_state{state="closed"} 1',
    'velt_auth_credential_refusals_total 0',
    'velt_auth_failures_total{code="ERR_VELT_REJECTED"} 1',
    'velt_auth_refreshes_total 0',
    'velt_auth_requests_total 2',
    'velt_auth_shared_cache_hits_total 0',
  ])
  const stats = JSON.parse(
    printed
      .split('\n')
      .find((line) => line.startsWith('# {'))
      ?.slice(2),
  )
  assert.equal(Object.keys(stats).length, metrics.length, 'docs/observability.md lacks a counter')
})
