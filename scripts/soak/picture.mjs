// The soak as SVG: one panel per curve, with its slope and the confidence of the slope.

const WIDTH = 800
const LEFT = 60
const RIGHT = 30
const HEIGHT = 70
const STEP = 124
const TOP = 100

/** @param panels each with `title`, `points` ([hours, value]) and `trend` (text) */
export function picture({ title, subtitle, warmUp, panels }) {
  const height = TOP + panels.length * STEP - 20
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="system-ui, sans-serif" font-size="12">
  <title>${title}</title>
  <rect width="${WIDTH}" height="${height}" fill="#ffffff"/>
  <text x="20" y="28" font-size="15" font-weight="600" fill="#1f2328">${title}</text>
  <text x="20" y="48" fill="#59636e">${subtitle}</text>
${panels.map((one, index) => panel(one, TOP + index * STEP, warmUp)).join('\n')}
</svg>
`
}

function panel({ title, points, trend }, top, warmUp) {
  const last = points.at(-1)[0]
  const highest = Math.max(1, ...points.map(([, value]) => value)) * 1.1
  const x = (hours) => LEFT + ((WIDTH - LEFT - RIGHT) * hours) / last
  const y = (value) => top + HEIGHT - (HEIGHT * value) / highest
  const path = points.map(([hours, value]) => `${x(hours).toFixed(1)} ${y(value).toFixed(1)}`)
  return `  <text x="20" y="${top - 10}" font-weight="600" fill="#1f2328">${title}</text>
  <text x="${WIDTH - RIGHT}" y="${top - 10}" text-anchor="end" fill="#59636e">${trend}</text>
  <rect x="${LEFT}" y="${top}" width="${(x(warmUp) - LEFT).toFixed(1)}" height="${HEIGHT}" fill="#f6f8fa"/>
  <path d="M${LEFT} ${top}V${top + HEIGHT}H${WIDTH - RIGHT}" fill="none" stroke="#8c959f"/>
  <text x="${LEFT - 6}" y="${top + 10}" text-anchor="end" fill="#59636e">${Math.round(highest)}</text>
  <text x="${LEFT - 6}" y="${top + HEIGHT}" text-anchor="end" fill="#59636e">0</text>
  <path d="M${path.join('L')}" fill="none" stroke="#0969da" stroke-width="1.5"/>`
}
