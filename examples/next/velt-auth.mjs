// Installs the velt-auth of this checkout, where in your own app `npm install velt-auth` does it. It
// is copied: Next.js takes a link for a part of the app, and would bundle it.

import { cpSync, readdirSync, readFileSync, rmSync } from 'node:fs'

const CHECKOUT = '../..'
const INSTALLED = 'node_modules/velt-auth'

const { files } = JSON.parse(readFileSync(`${CHECKOUT}/package.json`, 'utf8'))
const addons = readdirSync(CHECKOUT).filter((name) => name.endsWith('.node'))

rmSync(INSTALLED, { recursive: true, force: true })
for (const name of ['package.json', ...files, ...addons]) {
  cpSync(`${CHECKOUT}/${name}`, `${INSTALLED}/${name}`, { recursive: true })
}
