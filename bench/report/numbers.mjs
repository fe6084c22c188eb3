// Makes the tables of the report from the samples.

import { median, ratio } from '../run/statistics.mjs'
import { BARS, CONTENDERS, METRICS } from '../scenarios.mjs'

export const format = (value, digits) =>
  Number.isFinite(value)
    ? value.toLocaleString('en-US', {
        minimumFractionDigits: digits,
        maximumFractionDigits: digits,
      })
    : '–'

/** At least two significant digits, for numbers of any size. */
export const short = (value) => format(value, value >= 20 ? 0 : value >= 2 ? 1 : 3)

const spread = ({ median: middle, least, most }) =>
  `${short(middle)} (${short(least)}–${short(most)})`

/** Markdown: a row per contender with its medians, and its ratio to the first contender. */
export function scenarioTable({ title, contenders, metrics, samples }) {
  const [first] = contenders
  const main = metrics[0]
  const header = [
    title,
    ...metrics.map((metric) => METRICS[metric].title),
    `${METRICS[main].title} ÷ ${CONTENDERS[first]}`,
    'failed',
  ]
  const rows = contenders.map((contender) => [
    CONTENDERS[contender],
    ...metrics.map((metric) =>
      format(median(samples[contender].map((sample) => sample[metric])), METRICS[metric].digits),
    ),
    contender === first ? '1' : spread(ratio(samples, contender, first, main)),
    format(
      samples[contender].reduce((sum, { failures }) => sum + failures, 0),
      0,
    ),
  ])
  return markdown([header, ...rows])
}

/** Markdown: each bar, the limit that a measurement must reach, with the measurement. */
export function barsTable(scenarios) {
  const rows = BARS.map((bar) => {
    const { title, samples } = scenarios.find(({ name }) => name === bar.in)
    const measured = bar.to
      ? ratio(samples, bar.of, bar.to, bar.metric)
      : spreadOf(samples[bar.of].map((sample) => sample[bar.metric]))
    const reached = bar.atLeast ? measured.median >= bar.atLeast : measured.median <= bar.atMost
    return [
      title,
      METRICS[bar.metric].title,
      CONTENDERS[bar.of] + (bar.to ? ` ÷ ${CONTENDERS[bar.to]}` : ''),
      bar.atLeast ? `≥ ${short(bar.atLeast)}` : `≤ ${short(bar.atMost)}`,
      spread(measured),
      reached ? 'reached' : '**missed**',
    ]
  })
  return markdown([['scenario', 'metric', 'contender', 'bar', 'measured', ''], ...rows])
}

const spreadOf = (values) => ({
  median: median(values),
  least: Math.min(...values),
  most: Math.max(...values),
})

/** Each column is as wide as its widest cell, so that the table is readable in a terminal too. */
function markdown([header, ...rows]) {
  const widths = header.map((_, column) =>
    Math.max(3, ...[header, ...rows].map((row) => row[column].length)),
  )
  const line = (cells) =>
    `| ${cells.map((cell, i) => (i ? cell.padStart(widths[i]) : cell.padEnd(widths[i]))).join(' | ')} |`
  const rule = widths.map((width, i) => (i ? `${'-'.repeat(width - 1)}:` : '-'.repeat(width)))
  return [line(header), line(rule), ...rows.map(line)].join('\n')
}
