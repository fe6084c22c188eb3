// The results as JSON, as tables and as charts.

import { writeFileSync } from 'node:fs'
import { BARS } from '../scenarios.mjs'
import { chart } from './chart.mjs'
import { barsTable, scenarioTable } from './numbers.mjs'

/** The metrics that have a picture, by scenario. */
const CHARTS = {
  'callers-64': ['callsPerSecond', 'mainCpuPerCall', 'cpuPerCall'],
  'upstream-50ms': ['delayP99', 'rss'],
  stalls: ['latencyP995'],
  'cold-start': ['firstToken'],
  express: ['callsPerSecond', 'latencyP99'],
}

/**
 * @param {{ scenarios: any[] }} results
 * @param {URL} target a folder
 */
export function writeReport(results, target) {
  const { scenarios } = results
  const tables = scenarios.map(scenarioTable)
  const isWhole = BARS.every((bar) => scenarios.some(({ name }) => name === bar.in))
  if (isWhole) tables.push(barsTable(scenarios))
  const text = `${tables.join('\n\n')}\n`
  console.log(text)

  const write = (name, content) => writeFileSync(new URL(name, target), content)
  write('results.json', `${JSON.stringify(results, fourDigits)}\n`)
  write('tables.md', text)
  for (const scenario of scenarios) {
    for (const metric of CHARTS[scenario.name] ?? []) {
      write(`${scenario.name}-${metric}.svg`, chart(scenario, metric))
    }
  }
}

/** More digits than that no measurement here has. */
function fourDigits(_key, value) {
  return typeof value === 'number' && !Number.isInteger(value)
    ? Number(value.toPrecision(4))
    : value
}
