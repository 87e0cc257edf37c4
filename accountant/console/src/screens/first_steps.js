// What to do first with a gateway that is new: an answer, a key with a limit, a
// provider. It goes away when all is done, or when one wants it to.
// SPDX-License-Identifier: Apache-2.0
import { classes, html } from '../dom.js';
import { useApi } from '../api.js';
import { t } from '../i18n.js';
import { to } from '../router.js';
import { may, prefer, usePreferences } from '../state.js';
import { Button, Card, Icon } from '../ui/index.js';

const FEW = 3; // keys of a new gateway

// [what it is called, is it done, where it is done, icon]; null: the gateway is not new.
export function useFirstSteps(providers) {
    const { steps } = usePreferences();
    const isMeant = steps && may('operator', 'keys:write');
    const keys = useApi(isMeant ? '/keys' : null, { limit: FEW }).data;
    if (!isMeant || !keys || !providers || keys.total > FEW) return null;
    const all = [
        ['hello', keys.data.some((one) => one.last_used_at), '/playground', 'playground'],
        ['key', keys.data.some((one) => one.budgets.length > 0), '/keys/new', 'keys'],
        ['provider', providers.some((one) => one.kind !== 'builtin'), '/providers', 'providers'],
    ];
    return all.every(([, isDone]) => isDone) ? null : all;
}

export function FirstSteps({ steps }) {
    const next = steps.findIndex(([, isDone]) => !isDone);
    const hide = html`<${Button} small kind="ghost" onClick=${() => prefer({ steps: false })}>${t('steps.hide')}<//>`;
    return html`<${Card} title=${t('steps.title')} actions=${hide}><ol class="first-steps">${steps.map(([name, isDone, path, icon], i) => html`
        <li key=${name} class=${classes(isDone && 'is-done', i === next && 'is-on')}>
            <span class="step-mark" aria-hidden="true">${isDone ? html`<${Icon} name="check" />` : i + 1}</span>
            <h3>${t(`steps.${name}`)}${isDone && html`<span class="sr-only"> ${t('steps.done')}</span>`}</h3>
            <p>${t(`steps.${name}_text`)}</p>
            <${Button} icon=${icon} kind=${i === next ? 'primary' : ''} href=${to(path)}>${t(`steps.${name}_do`)}<//></li>`)}</ol><//>`;
}
