// The tables of docs/troubleshooting.md.

import { readFileSync } from 'node:fs'

const text = readFileSync(new URL('../../docs/troubleshooting.md', import.meta.url), 'utf8')

/** The first cells of the rows below a heading. */
export function firstCells(heading) {
  const section = text.split(/^## /m).find((part) => part.startsWith(`${heading}\n`))
  const rows = section.split('\n').filter((line) => line.startsWith('| '))
  // The first two rows are the names of the columns and the line below them.
  return rows.slice(2).map((row) => row.split(' | ')[0].slice(2))
}

/** The texts in code marks of a cell. */
export function quoted(cell) {
  return [...cell.matchAll(/`([^`]+)`/g)].map(([, excerpt]) => excerpt)
}
