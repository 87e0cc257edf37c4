// Line icons of 16 x 16, drawn in the text's colour.
// SPDX-License-Identifier: Apache-2.0
import { html } from '../dom.js';

const PATHS = {
    overview: 'M2 14V9m4 5V5m4 9V7m4 7V2',
    keys: 'M6.5 9.5 13 3m-2 2 2 2M4.5 14a2.8 2.8 0 1 0 0-5.6 2.8 2.8 0 0 0 0 5.6Z',
    groups: 'M8 2 2 5l6 3 6-3-6-3ZM2 8l6 3 6-3M2 11l6 3 6-3',
    logs: 'M2 3.5h12M2 8h12M2 12.5h7',
    usage: 'M8 2v6h6A6 6 0 1 1 8 2Zm3 0a5 5 0 0 1 3 3h-3V2Z',
    models: 'M8 1.8 13.5 5v6L8 14.2 2.5 11V5L8 1.8Zm0 6.2v6M8 8 2.7 5M8 8l5.3-3',
    providers: 'M3 2.5h10v4H3v-4Zm0 7h10v4H3v-4ZM5.5 4.5h0M5.5 11.5h0',
    playground: 'M2 3h12v8H7l-3 2.5V11H2V3Zm3.5 4h5',
    members: 'M6 7.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5Zm-4 6c0-2.5 1.8-4 4-4s4 1.5 4 4M11 3a2.3 2.3 0 0 1 0 4.3m1 2.4c1.3.5 2 1.8 2 3.8',
    audit: 'M5 2.5H3.5v11h9v-11H11M5.5 1.5h5v2.5h-5V1.5ZM5.8 9l1.6 1.6L10.4 7.4',
    system: 'M4.5 4.5h7v7h-7v-7ZM6.5 2v2.5m3-2.5v2.5m-3 7V14m3-2.5V14M2 6.5h2.5M2 9.5h2.5m7-3H14m-2.5 3H14',
    routes: 'M2 8h3.5c3 0 3-4.5 6-4.5H14m0 9h-2.5c-3 0-3-4.5-6-4.5M12 1.5l2 2-2 2m0 5 2 2-2 2',
    settings: 'M2 4.5h7m3 0h2M2 11.5h2m3 0h7M10.5 6.2a1.7 1.7 0 1 0 0-3.4 1.7 1.7 0 0 0 0 3.4Zm-5 7a1.7 1.7 0 1 0 0-3.4 1.7 1.7 0 0 0 0 3.4Z',
    plus: 'M8 3v10M3 8h10',
    close: 'm4 4 8 8m0-8-8 8',
    check: 'm3 8.5 3.2 3.2L13 4.8',
    copy: 'M5.5 5.5v-3h8v8h-3m-8-5h8v8h-8v-8Z',
    search: 'M7 12A5 5 0 1 0 7 2a5 5 0 0 0 0 10Zm3.6-1.4L14 14',
    down: 'm4 6 4 4 4-4',
    right: 'm6 4 4 4-4 4',
    left: 'm10 4-4 4 4 4',
    up: 'm4 10 4-4 4 4',
    more: 'M3.5 8h0M8 8h0M12.5 8h0',
    menu: 'M2 4h12M2 8h12M2 12h12',
    refresh: 'M13.5 8A5.5 5.5 0 1 1 12 4.2L13.5 6M13.5 2.5V6H10',
    pause: 'M5.5 3v10m5-10v10',
    play: 'M4.5 3v10l8-5-8-5Z',
    globe: 'M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12ZM2 8h12M8 2c4 4 4 8 0 12-4-4-4-8 0-12Z',
    logout: 'M6 2.5H3v11h3M7 8h7m-2.5-2.5L14 8l-2.5 2.5',
    table: 'M2 3h12v10H2V3Zm0 3.5h12M6.5 3v10',
    chart: 'M2 13.5h12M2.5 10 6 6.5l3 2.5 4.5-5.5',
    download: 'M8 2v8m-3-3 3 3 3-3M2.5 13.5h11',
    trash: 'M2.5 4h11M6 4V2.5h4V4m2.5 0-.7 9.5H4.2L3.5 4M6.5 6.5v4.5m3-4.5v4.5',
    edit: 'M10.5 3 13 5.5 5.5 13H3v-2.5L10.5 3Z',
    eye: 'M1.5 8C4 3.5 12 3.5 14.5 8 12 12.5 4 12.5 1.5 8ZM8 9.8a1.8 1.8 0 1 0 0-3.6 1.8 1.8 0 0 0 0 3.6Z',
    warning: 'M8 2 1.5 13.5h13L8 2Zm0 4.5v3.2m0 1.8h0',
    info: 'M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12Zm0-6.5V11m0-6h0',
    clock: 'M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12ZM8 4.5V8l2.5 1.5',
    filter: 'M2 3h12L9.5 8.5v5l-3-1.5V8.5L2 3Z',
    rotate: 'M2.5 8A5.5 5.5 0 0 1 12 4.2L13.5 6m0-3.5V6H10m3.5 2A5.5 5.5 0 0 1 4 11.8L2.5 10m0 3.5V10H6',
    undo: 'M6 3 2.5 6.5 6 10M2.5 6.5H10a3.5 3.5 0 0 1 0 7H7',
    send: 'M14 2 1.8 6.6l5 2.6 2.6 5L14 2ZM6.8 9.2 14 2',
    stop: 'M4 4h8v8H4V4Z',
};

export function Icon({ name, label }) {
    return html`<svg class="icon" width="16" height="16" viewBox="0 0 16 16" fill="none"
        stroke="currentColor" stroke-width="1.4" stroke-linecap="round" stroke-linejoin="round"
        role=${label ? 'img' : undefined} aria-label=${label}
        aria-hidden=${label ? undefined : 'true'}><path d=${PATHS[name]} /></svg>`;
}
