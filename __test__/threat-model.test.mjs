// docs/threat-model.md names the tests that show its claims. Each of them must exist.

import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

/** A file, and the name of a test in it: `file.test.mjs`: "name". */
const REFERENCE = /`([\w./-]+\.(?:mjs|rs))`: "([^"]+)"/g

const text = readFileSync('docs/threat-model.md', 'utf8')

/** Whether `source` has a test or a Rust function whose name begins with `name`. */
function hasTest(source, name) {
  const escaped = name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
  return new RegExp(`(\\btest\\(\\s*['"\`](\\$\\{name\\}: )?|\\bfn )${escaped}`).test(source)
}

for (const [, path, name] of text.matchAll(REFERENCE)) {
  test(`${path} has the test "${name}"`, () => {
    const file = path.startsWith('src/') ? path : join('__test__', path)
    assert.ok(existsSync(file), `${file} does not exist`)
    assert.ok(hasTest(readFileSync(file, 'utf8'), name))
  })
}

test('every threat names a test, or says that there is none', () => {
  const rows = text.split('\n').filter((line) => line.startsWith('| '))
  const threats = rows.filter((row) => row.split(' | ').length === 3 && /[.]\s\|/.test(row))
  assert.ok(threats.length > 30, `${threats.length} threats`)
  for (const row of threats) {
    const [, , evidence] = row.split(' | ')
    assert.match(evidence, /": "|`: "|^the same test|^no test/, row)
  }
})
