// Plays Velt's SDK where there is no Velt: what cdn.velt.dev would serve. It asks the auth provider
// for a token at the start, when the token expires, and again when asking failed, checks that it is
// this user's, and says in a panel what it has.

const DEFAULT_RETRIES = { retryCount: 3, retryDelay: 1000 }
const CHECKED = ['userId', 'organizationId', 'email']

const listeners = []
let renewal

const Velt = {
  /** What was brought so far, tokens and errors, for tests to read. */
  log: [],

  async init() {
    return Velt
  },

  async setVeltAuthProvider(provider) {
    clearTimeout(renewal)
    Velt.renew = () => start(provider)
    return await Velt.renew()
  },

  async identify(user, { authToken }) {
    accept(user, authToken, () => {
      for (const listener of listeners) listener({ code: 'token_expired' })
    })
    return user
  },

  on: () => ({ subscribe: (listener) => listeners.push(listener) }),
}

async function start({ user, generateToken, retryConfig, onError }) {
  const { retryCount, retryDelay } = { ...DEFAULT_RETRIES, ...retryConfig }
  for (let attempt = 0; ; attempt++) {
    try {
      accept(user, await generateToken(), Velt.renew)
      return user
    } catch (error) {
      Velt.log.push({ error: error.message })
      if (attempt === retryCount) {
        show('refused', 'Not signed in to Velt', { user: user.userId, why: error.message })
        onError?.(error)
        return null
      }
      await new Promise((resolve) => setTimeout(resolve, retryDelay))
    }
  }
}

/** Throws where Velt would refuse: a token of somebody else. */
function accept(user, token, onExpiry) {
  const claims = JSON.parse(atob(token.split('.')[1].replace(/-/g, '+').replace(/_/g, '/')))
  const wrong = CHECKED.find((name) => name in user && (claims[name] ?? null) !== user[name])
  if (wrong) throw new Error(`The token is not for this ${wrong}.`)
  Velt.log.push({ token })
  clearTimeout(renewal)
  renewal = setTimeout(onExpiry, Math.min(claims.exp * 1000 - Date.now(), 2 ** 31 - 1))
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
  note.textContent = 'This panel is drawn by a stand-in for Velt’s SDK.'
  root.append(style, heading, list, note)
  document.querySelector('velt-panel')?.remove()
  document.body.append(panel)
}

window.Velt = Velt
