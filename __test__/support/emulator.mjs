import { VeltAuthClient } from 'velt-auth'
import { startEmulator } from 'velt-auth/emulator'

/** An emulator that ends with the test, and the options that reach it. */
export async function emulate(t, options) {
  const emulator = await startEmulator(options)
  t.after(() => emulator.close())
  const { url: baseUrl, apiKey, authToken } = emulator
  return { emulator, options: { baseUrl, apiKey, authToken } }
}

/** The same, and a client of it. */
export async function emulateWithClient(t, clientOptions, emulatorOptions) {
  const { emulator, options } = await emulate(t, emulatorOptions)
  const client = new VeltAuthClient({ ...options, ...clientOptions })
  t.after(() => client.close())
  return { emulator, client, options }
}
