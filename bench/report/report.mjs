// Writes the results: as tables (to the terminal and docs/performance.md), as JSON and as charts.

import { readFileSync, writeFileSync } from 'node:fs'
import { BARS, METRICS } from '../scenarios.mjs'
import { chart } from './chart.mjs'
import { barsTable, scenarioTable } from './numbers.mjs'

/** The metrics that have a chart, by scenario. */
const CHARTS = {
  'far-1000': ['allTokens', 'connections'],
  'callers-64': ['callsPerSecond', 'mainCpuPerCall', 'cpuPerCall'],
  'upstream-50ms': ['delayP99', 'rss'],
  stalls: ['latencyP995'],
  'cold-start': ['firstToken'],
  express: ['callsPerSecond', 'latencyP99'],
}

const PAGE = new URL('../../docs/performance.md', import.meta.url)
/** The charts as URLs: the package contains docs/, but not bench/. */
const CHARTS_URL = 'https://raw.githubusercontent.com/velt-auth/velt-auth/main/bench/results/'

const BEGIN = '<!-- results: written by `npm run bench` -->\n'
const END = '<!-- end of results -->'

/**
 * @param {{ scenarios: any[] }} results
 * @param {URL} target a folder
 */
export function writeReport(results, target) {
  const { scenarios } = results
  const tables = scenarios.map(scenarioTable)
  const isComplete = BARS.every((bar) => scenarios.some(({ name }) => name === bar.in))
  if (isComplete) tables.push(barsTable(scenarios))
  console.log(tables.join('\n\n'))

  const write = (name, content) => writeFileSync(new URL(name, target), content)
  write('results.json', `${JSON.stringify(results, fourDigits)}\n`)
  for (const scenario of scenarios) {
    for (const metric of CHARTS[scenario.name] ?? []) {
      write(`${scenario.name}-${metric}.svg`, chart(scenario, metric))
    }
  }
}

/** Writes the results into docs/performance.md, so that no number is copied by hand. */
export function writePage(results) {
  const page = readFileSync(PAGE, 'utf8')
  const [before] = page.split(BEGIN)
  const [, after] = page.split(END)
  const parts = [conditions(results), barsTable(results.scenarios)]
  for (const scenario of results.scenarios) {
    parts.push(`### ${scenario.title}`, scenarioTable(scenario))
    for (const metric of CHARTS[scenario.name] ?? []) {
      const title = `${scenario.title}: ${METRICS[metric].title}`
      parts.push(`![${title}](${CHARTS_URL}${scenario.name}-${metric}.svg)`)
    }
  }
  writeFileSync(PAGE, `${before}${BEGIN}\n${parts.join('\n\n')}\n\n${END}${after}`)
}

function conditions({ date, minutes, node, cpu, cores, pace, scenarios }) {
  const samples = scenarios.flatMap((scenario) => Object.values(scenario.samples).flat())
  const loads = samples.map(({ loadAverage }) => loadAverage)
  const range = `${Math.min(...loads).toFixed(1)} to ${Math.max(...loads).toFixed(1)}`
  return (
    `${date.slice(0, 16).replace('T', ' ')} UTC, ${cores} cores (${cpu}), Node ${node}; ` +
    `${pace.rounds} rounds of ${pace.duration} ms after ${pace.warmup} ms of warm-up, ` +
    `${minutes.toFixed(1)} minutes in total. Load average during the run, with the load of the ` +
    `benchmark itself: ${range}.`
  )
}

/** No measurement here has more significant digits. */
function fourDigits(_key, value) {
  return typeof value === 'number' && !Number.isInteger(value)
    ? Number(value.toPrecision(4))
    : value
}
