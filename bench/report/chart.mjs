// A bar chart as SVG: one bar per contender, velt-auth in its own colour, and a line for the spread of
// the rounds.

import { median } from '../run/statistics.mjs'
import { CONTENDERS, METRICS } from '../scenarios.mjs'
import { format } from './numbers.mjs'

const WIDTH = 800
const LEFT = 220
const RIGHT = 110
const TOP = 60
const ROW = 30

const VELT_AUTH = '#1a7f37'
const OTHERS = '#8c959f'

export function chart({ title, contenders, samples }, metric) {
  const { title: unit, digits, best } = METRICS[metric]
  const bars = contenders
    .map((contender) => ({ contender, values: samples[contender].map((sample) => sample[metric]) }))
    .filter(({ values }) => values.every(Number.isFinite))
  const largest = Math.max(...bars.flatMap(({ values }) => values))
  const height = TOP + bars.length * ROW + 16
  const x = (value) => LEFT + ((WIDTH - LEFT - RIGHT) * value) / largest
  const rows = bars.map((bar, index) => row(bar, TOP + index * ROW, x, digits))
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="system-ui, sans-serif" font-size="13">
  <title>${plain(`${title}: ${unit}`)}</title>
  <rect width="${WIDTH}" height="${height}" fill="#ffffff"/>
  <text x="20" y="28" font-size="15" font-weight="600" fill="#1f2328">${plain(title)}</text>
  <text x="20" y="48" fill="#59636e">${plain(unit)}, ${best === 'most' ? 'more' : 'less'} is better; median of the rounds, and their spread</text>
${rows.join('\n')}
</svg>
`
}

function row({ contender, values }, y, x, digits) {
  const middle = median(values)
  const most = Math.max(...values)
  const line = y + 10
  return `  <text x="${LEFT - 10}" y="${y + 15}" text-anchor="end" fill="#1f2328">${plain(CONTENDERS[contender])}</text>
  <rect x="${LEFT}" y="${y}" width="${(x(middle) - LEFT).toFixed(1)}" height="20" fill="${contender.startsWith('velt-auth') ? VELT_AUTH : OTHERS}"/>
  <path d="M${x(Math.min(...values)).toFixed(1)} ${line}H${x(most).toFixed(1)}" stroke="#1f2328"/>
  <text x="${(x(most) + 8).toFixed(1)}" y="${y + 15}" fill="#1f2328">${format(middle, digits)}</text>`
}

function plain(text) {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
}
