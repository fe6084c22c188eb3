// Samples to the numbers that people read.

import { median, ratio } from '../run/statistics.mjs'
import { BARS, CONTENDERS, METRICS } from '../scenarios.mjs'

export const format = (value, digits) =>
  Number.isFinite(value)
    ? value.toLocaleString('en-US', {
        minimumFractionDigits: digits,
        maximumFractionDigits: digits,
      })
    : '–'

/** Two digits that say something, whatever the size. */
export const short = (value) => format(value, value >= 20 ? 0 : value >= 2 ? 1 : 3)

const spread = ({ median: middle, least, most }) =>
  `${short(middle)} (${short(least)}–${short(most)})`

/** Markdown: a row per contender with its medians, and its ratio to the first one. */
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

/** Markdown: what must be seen, and what was. */
export function barsTable(scenarios) {
  const rows = BARS.map((bar) => {
    const { title, samples } = scenarios.find(({ name }) => name === bar.in)
    const seen = bar.to
      ? ratio(samples, bar.of, bar.to, bar.what)
      : spreadOf(samples[bar.of].map((sample) => sample[bar.what]))
    const reached = bar.atLeast ? seen.median >= bar.atLeast : seen.median <= bar.atMost
    return [
      title,
      METRICS[bar.what].title,
      CONTENDERS[bar.of] + (bar.to ? ` ÷ ${CONTENDERS[bar.to]}` : ''),
      bar.atLeast ? `≥ ${short(bar.atLeast)}` : `≤ ${short(bar.atMost)}`,
      spread(seen),
      reached ? 'reached' : '**missed**',
    ]
  })
  return markdown([['scenario', 'metric', 'of what', 'bar', 'seen', ''], ...rows])
}

const spreadOf = (values) => ({
  median: median(values),
  least: Math.min(...values),
  most: Math.max(...values),
})

/** Columns as wide as their widest cell, so that the table also reads well in a terminal. */
function markdown([header, ...rows]) {
  const widths = header.map((_, column) =>
    Math.max(3, ...[header, ...rows].map((row) => row[column].length)),
  )
  const line = (cells) =>
    `| ${cells.map((cell, i) => (i ? cell.padStart(widths[i]) : cell.padEnd(widths[i]))).join(' | ')} |`
  const rule = widths.map((width, i) => (i ? `${'-'.repeat(width - 1)}:` : '-'.repeat(width)))
  return [line(header), line(rule), ...rows.map(line)].join('\n')
}
