// Installs the velt-auth of this checkout. Your own app runs `npm install velt-auth` instead. The files
// are copied, because Next.js treats a linked package as part of the app and bundles it.

import { cpSync, readdirSync, readFileSync, rmSync } from 'node:fs'

const CHECKOUT = '../..'
const INSTALLED = 'node_modules/velt-auth'

const { files } = JSON.parse(readFileSync(`${CHECKOUT}/package.json`, 'utf8'))
const addons = readdirSync(CHECKOUT).filter((name) => name.endsWith('.node'))

rmSync(INSTALLED, { recursive: true, force: true })
for (const name of ['package.json', ...files, ...addons]) {
  cpSync(`${CHECKOUT}/${name}`, `${INSTALLED}/${name}`, { recursive: true })
}
