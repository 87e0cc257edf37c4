// What all screens share: who is logged in, preferences (the only thing that
// localStorage has), toasts.
// SPDX-License-Identifier: Apache-2.0
import { createStore, useStore } from './store.js';

// undefined: not asked yet, null: nobody, else the answer of GET /admin/v1/session.
export const session = createStore(undefined);
export const useSession = () => useStore(session);

const ROLES = ['read-only', 'operator', 'owner'];

// Whether who is logged in has at least the role, and the scope: may('operator',
// 'keys:write'). The server decides; this only hides what it would refuse.
export function may(role, scope) {
    const member = session.get()?.member;
    if (!member) return false;
    const scopes = member.scopes;
    const read = scope && scope.replace(':read', ':write');
    return ROLES.indexOf(member.role) >= ROLES.indexOf(role) &&
        (!scope || !scopes || scopes.includes(scope) || scopes.includes(read));
}

const PLACE = 'aigw.preferences';
const DEFAULTS = { theme: 'auto', language: 'auto', zone: 'local', range: '24h', paused: false, steps: true };

function readPreferences() {
    try {
        return { ...DEFAULTS, ...JSON.parse(localStorage.getItem(PLACE) || '{}') };
    } catch {
        return DEFAULTS; // storage is off, or holds what is not ours
    }
}

export const preferences = createStore(readPreferences());
export const usePreferences = () => useStore(preferences);

export function prefer(patch) {
    preferences.set((now) => ({ ...now, ...patch }));
    try {
        localStorage.setItem(PLACE, JSON.stringify(preferences.get()));
    } catch {
        return; // they last as long as the page
    }
}

function isDark() {
    const { theme } = preferences.get();
    return theme === 'dark' ||
        (theme === 'auto' && matchMedia('(prefers-color-scheme: dark)').matches);
}

// Sets the theme's attribute, which the tokens of style/tokens.css look at.
export function applyTheme() {
    document.documentElement.dataset.theme = isDark() ? 'dark' : 'light';
}

export const toasts = createStore([]);
let lastToast = 0;

// toast('Saved'); toast('Deleted', {action: 'Undo', onAction, ms: 600000}); kind: ok, error
export function toast(text, { kind = 'ok', action, onAction, ms = 6000 } = {}) {
    const id = ++lastToast;
    const end = () => toasts.set((all) => all.filter((one) => one.id !== id));
    toasts.set((all) => [...all.slice(-3), { id, text, kind, action, onAction, end }]);
    if (ms > 0) setTimeout(end, ms);
    return end;
}

export const toastError = (error) => toast(error.message, { kind: 'error', ms: 12000 });
