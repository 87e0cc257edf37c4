// A button with a list of actions; arrows, Home, End and Escape as menus have them.
// SPDX-License-Identifier: Apache-2.0
import { classes, html, useLayoutEffect, useRef, useState } from '../dom.js';
import { Button } from './button.js';
import { Icon } from './icon.js';

/*
 * <${Menu} label="More" icon="more" items=${[{label, icon, onClick, href, danger, disabled, checked}, null]} />
 * null is a line between two items; children, if any, stand in the button.
 */
export function Menu({ label, icon = 'more', kind = 'ghost', small, items, up, children }) {
    const [open, setOpen] = useState(false);
    const root = useRef();
    const list = () => [...root.current.querySelectorAll('[role^="menuitem"]:not([aria-disabled])')];
    useLayoutEffect(() => {
        if (!open) return undefined;
        list()[0]?.focus();
        const outside = (event) => !root.current?.contains(event.target) && setOpen(false);
        document.addEventListener('pointerdown', outside);
        return () => document.removeEventListener('pointerdown', outside);
    }, [open]);
    const close = () => {
        setOpen(false);
        root.current?.querySelector('button').focus();
    };
    const keys = (event) => {
        const all = list();
        const at = all.indexOf(document.activeElement);
        const next = { ArrowDown: at + 1, ArrowUp: at - 1 + all.length, Home: 0, End: all.length - 1 }[event.key];
        if (event.key === 'Escape' && open) {
            event.stopPropagation();
            close();
        } else if (next !== undefined && open) {
            event.preventDefault();
            all[next % all.length]?.focus();
        }
    };
    const leave = (event) => open && event.relatedTarget && !event.currentTarget.contains(event.relatedTarget) && setOpen(false);
    const item = (one, i) => {
        if (!one) return html`<hr key=${i} />`;
        const isChoice = one.checked !== undefined;
        const props = {
            class: classes('menu-item', one.danger && 'is-danger'),
            role: isChoice ? 'menuitemradio' : 'menuitem',
            'aria-checked': isChoice ? String(one.checked) : undefined,
            'aria-disabled': one.disabled ? 'true' : undefined,
            tabindex: -1,
            onClick: () => {
                if (one.disabled) return;
                close();
                one.onClick?.();
            },
        };
        const mark = isChoice ? (one.checked ? 'check' : null) : one.icon;
        const inside = html`<span class="menu-mark">${mark && html`<${Icon} name=${mark} />`}</span>${one.label}`;
        return one.href ? html`<a key=${i} href=${one.href} ...${props}>${inside}</a>`
            : html`<button key=${i} type="button" ...${props}>${inside}</button>`;
    };
    return html`<div class="menu" ref=${root} onKeyDown=${keys} onFocusOut=${leave}>
        <${Button} kind=${kind} small=${small} icon=${icon} aria-haspopup="menu" aria-expanded=${open ? 'true' : 'false'}
            aria-label=${children ? undefined : label} title=${children ? undefined : label}
            onClick=${() => setOpen(!open)}>${children}<//>
        ${open && html`<div class=${classes('menu-list', up && 'is-up')} role="menu" aria-label=${label}>${items.map(item)}</div>`}
    </div>`;
}
