// `node scripts/terminal-picture.mjs`: runs the doctor against the emulator and a redis-server, and
// writes docs/doctor.svg, a picture of the output.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import { startEmulator } from '../lib/emulator/index.js'

const COMMAND = 'doctor --domain app.example.com'
const REDIS_PORT = 6379

/** The colours of the SGR codes that `styleText` writes. The keys are the codes. */
const STYLES = {
  1: 'font-weight="bold"',
  2: 'fill="#8b949e"',
  31: 'fill="#ff7b72"',
  32: 'fill="#7ee787"',
  33: 'fill="#e3b341"',
  36: 'fill="#79c0ff"',
}

/** A code, such as `ESC [ 31 m`, with its number in a group. */
const SGR_CODE = new RegExp(`${String.fromCharCode(27)}\\[(\\d+)m`)

const FONT_SIZE = 13
const LINE_HEIGHT = 18
const CHARACTER_WIDTH = 7.83
const COLUMNS = 102
const MARGIN = 16

function escapeXml(part) {
  return part.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}

/** A line of the terminal as `tspan` elements. A style lasts until the next code. */
function spans(line, style) {
  const parts = line.split(SGR_CODE)
  let result = ''
  let current = style
  for (const [index, part] of parts.entries()) {
    if (index % 2 === 1) current = STYLES[part]
    else if (part)
      result += current ? `<tspan ${current}>${escapeXml(part)}</tspan>` : escapeXml(part)
  }
  return { result, style: current }
}

function picture(output) {
  const lines = [`$ npx velt-auth ${COMMAND}`, ...output.trimEnd().split('\n')]
  let style
  const rows = lines.map((line, index) => {
    const drawn = spans(line, style)
    style = drawn.style
    const y = MARGIN + FONT_SIZE + index * LINE_HEIGHT
    return `<text x="${MARGIN}" y="${y}" xml:space="preserve">${drawn.result}</text>`
  })
  const width = Math.round(COLUMNS * CHARACTER_WIDTH + 2 * MARGIN)
  const height = lines.length * LINE_HEIGHT + 2 * MARGIN
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" \
font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace" \
font-size="${FONT_SIZE}" fill="#e6edf3">
<title>The output of npx velt-auth ${COMMAND}</title>
<rect width="${width}" height="${height}" rx="8" fill="#0d1117"/>
${rows.join('\n')}
</svg>
`
}

const settings = ['--maxmemory', '100mb', '--maxmemory-policy', 'allkeys-lru', '--save', '']
const redis = spawn('redis-server', [
  '--port',
  String(REDIS_PORT),
  '--bind',
  '127.0.0.1',
  ...settings,
])
for await (const chunk of redis.stdout) if (String(chunk).includes('Ready to accept')) break
const emulator = await startEmulator({ port: 8484 })
const doctor = spawn(process.execPath, ['lib/cli/main.js', ...COMMAND.split(' ')], {
  env: {
    PATH: process.env.PATH,
    FORCE_COLOR: '1',
    VELT_BASE_URL: emulator.url,
    VELT_API_KEY: emulator.apiKey,
    VELT_AUTH_TOKEN: emulator.authToken,
    REDIS_URL: `redis://127.0.0.1:${REDIS_PORT}`,
  },
})
writeFileSync('docs/doctor.svg', picture(await text(doctor.stdout)))
await emulator.close()
redis.kill()
await once(redis, 'exit')
