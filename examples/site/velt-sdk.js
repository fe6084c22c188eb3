// A stand-in for Velt's SDK (which cdn.velt.dev serves). It gets a token from the auth provider at the
// start, when the token expires, and again after a failure. It checks that the token belongs to the
// user, and shows its claims in a panel. As the SDK does for development keys, it asks the permission
// provider for the organization of the user and for each document.

const DEFAULT_RETRIES = { retryCount: 3, retryDelay: 1000 }
const CHECKED = ['userId', 'organizationId', 'email']

/** The listeners of each event. */
const listeners = new Map()
let refreshTimer
let permissionProvider
/** The user, once the token is accepted. */
let signedIn
let documents = []

const Velt = {
  /** The tokens and errors so far, for tests. */
  log: [],

  async init() {
    return Velt
  },

  async setVeltAuthProvider(provider) {
    clearTimeout(refreshTimer)
    signedIn = undefined
    Velt.renew = () => start(provider)
    return await Velt.renew()
  },

  async identify(user, { authToken }) {
    accept(user, authToken, () => emit('error', { code: 'token_expired' }))
    return user
  },

  setPermissionProvider(provider) {
    permissionProvider = provider
  },

  async setDocuments(given) {
    documents = given
    await askAccess(documentResources())
  },

  on: (name) => ({
    subscribe(listener) {
      const all = listeners.get(name) ?? new Set()
      listeners.set(name, all.add(listener))
      return { unsubscribe: () => all.delete(listener) }
    },
  }),
}

function emit(name, event) {
  for (const listener of listeners.get(name) ?? []) listener(event)
}

const documentResources = () =>
  documents.map(({ id }) => ({ id, type: 'document', source: 'setDocuments' }))

/** Asks the permission provider in the browser, which Velt's SDK does for development keys only. */
async function askAccess(resources) {
  const url = permissionProvider?.dev && permissionProvider.endpointConfig?.url
  if (!url || !signedIn) return
  const { userId, organizationId } = signedIn
  const requests = resources.map((resource) => ({
    userId,
    resource: { ...resource, organizationId },
  }))
  const emitEvent = (event, payload) =>
    emit('permissionProvider', { event, timestamp: Date.now(), payload })
  try {
    emitEvent('resourceAccessRequestTriggered', { requests })
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ data: { requests } }),
    })
    if (!response.ok) throw new Error(`The permission provider responded with ${response.status}`)
    emitEvent('resourceAccessResult', { result: await response.json() })
  } catch (error) {
    emitEvent('resourceAccessError', { error: error.message })
  }
}

async function start({ user, generateToken, retryConfig, onError }) {
  const { retryCount, retryDelay } = { ...DEFAULT_RETRIES, ...retryConfig }
  for (let attempt = 0; ; attempt++) {
    try {
      accept(user, await generateToken(), Velt.renew)
      signedIn = user
      const organization = { id: user.organizationId, type: 'organization', source: 'identify' }
      void askAccess([organization, ...documentResources()])
      return user
    } catch (error) {
      Velt.log.push({ error: error.message })
      if (attempt === retryCount) {
        show('refused', 'Not signed in to Velt', { user: user.userId, reason: error.message })
        onError?.(error)
        return null
      }
      await new Promise((resolve) => setTimeout(resolve, retryDelay))
    }
  }
}

/** Throws where Velt rejects a token: if it belongs to another user. */
function accept(user, token, onExpiry) {
  const claims = JSON.parse(atob(token.split('.')[1].replace(/-/g, '+').replace(/_/g, '/')))
  // In v2, the organization is one of the resources.
  const isOrganization = ({ type }) => type === 'organization'
  claims.organizationId ??= claims.permissions?.resources.find(isOrganization)?.id
  const wrong = CHECKED.find((name) => name in user && (claims[name] ?? null) !== user[name])
  if (wrong) throw new Error(`The token is not for this ${wrong}.`)
  Velt.log.push({ token })
  clearTimeout(refreshTimer)
  refreshTimer = setTimeout(onExpiry, Math.min(claims.exp * 1000 - Date.now(), 2 ** 31 - 1))
  show('accepted', 'Signed in to Velt', {
    user: claims.userId,
    organization: claims.organizationId,
    email: claims.email,
    admin: claims.isAdmin ? 'yes' : 'no',
    until: new Date(claims.exp * 1000).toLocaleString(),
    token: `${token.slice(0, 24)}…`,
  })
}

function show(state, title, facts) {
  const panel = document.createElement('velt-panel')
  panel.dataset.state = state
  const root = panel.attachShadow({ mode: 'open' })
  const style = document.createElement('style')
  style.textContent = `
    :host { position: fixed; right: 1.5rem; bottom: 1.5rem; width: 22rem; padding: 1rem 1.25rem;
      border-radius: 10px; background: #16161d; color: #f4f4f6; font: 14px/1.6 system-ui, sans-serif;
      box-shadow: 0 8px 30px #0004; border-left: 6px solid #3ecf8e }
    :host([data-state='refused']) { border-color: #f2635a }
    strong { font-size: 16px } dl { display: grid; grid-template-columns: auto 1fr; gap: 0 1rem;
      margin: 0.5rem 0 0 } dt { opacity: 0.6 } dd { margin: 0; overflow-wrap: anywhere }
    small { display: block; margin-top: 0.5rem; opacity: 0.6 }`
  const heading = document.createElement('strong')
  heading.textContent = `${state === 'accepted' ? '✓' : '✗'} ${title}`
  const list = document.createElement('dl')
  for (const [name, value] of Object.entries(facts)) {
    const term = document.createElement('dt')
    const detail = document.createElement('dd')
    term.textContent = name
    detail.textContent = value ?? '–'
    list.append(term, detail)
  }
  const note = document.createElement('small')
  note.textContent = 'A stand-in for Velt’s SDK shows this panel.'
  root.append(style, heading, list, note)
  document.querySelector('velt-panel')?.remove()
  document.body.append(panel)
}

window.Velt = Velt
