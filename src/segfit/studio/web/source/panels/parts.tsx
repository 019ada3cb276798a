/** Small parts that several panels are made of. */

import type { ComponentChildren } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { Icon, type IconName } from "./icons";

interface ButtonProps {
  icon: IconName;
  label: string;
  testid: string;
  keys?: string;
  disabled?: boolean;
  pressed?: boolean;
  onClick: () => void;
}

/** A button that is an icon; its name is its tooltip, with the key that does the same. */
export const IconButton = ({
  icon,
  label,
  testid,
  keys,
  disabled,
  pressed,
  onClick,
}: ButtonProps) => (
  <button
    type="button"
    class="icon-button"
    data-testid={testid}
    aria-label={label}
    aria-pressed={pressed}
    aria-keyshortcuts={keys}
    title={keys === undefined ? label : `${label} (${keys})`}
    disabled={disabled}
    onClick={onClick}
  >
    <Icon name={icon} />
  </button>
);

interface MenuProps {
  label: string;
  testid: string;
  button: ComponentChildren;
  class?: string;
  disabled?: boolean;
  onToggle?: (open: boolean) => void;
  children: (close: () => void) => ComponentChildren;
}

/** A button that opens a panel below it; a click elsewhere or Escape closes it. */
export function Menu(props: MenuProps) {
  const [open, setOpen] = useState(false);
  const box = useRef<HTMLDivElement>(null);
  const opener = useRef<HTMLButtonElement>(null);
  const panel = useRef<HTMLElement>(null);
  const change = (now: boolean) => {
    setOpen(now);
    props.onToggle?.(now);
  };
  const place = () => {
    if (opener.current !== null && panel.current !== null)
      placeBelow(panel.current, opener.current);
  };
  useEffect(() => {
    if (!open) return;
    const outside = (event: Event) => {
      if (!box.current?.contains(event.target as Node)) change(false);
    };
    document.addEventListener("pointerdown", outside);
    addEventListener("resize", place);
    return () => {
      document.removeEventListener("pointerdown", outside);
      removeEventListener("resize", place);
    };
  }, [open]);
  useLayoutEffect(place);
  const closeByKey = (event: KeyboardEvent) => {
    if (event.key !== "Escape" || !open) return;
    event.stopPropagation();
    change(false);
    opener.current?.focus();
  };
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: Escape is heard from whatever inside has the focus
    <div class="menu" ref={box} onKeyDown={closeByKey}>
      <button
        ref={opener}
        type="button"
        class={props.class ?? "icon-button"}
        data-testid={props.testid}
        aria-label={props.label}
        aria-expanded={open}
        title={props.label}
        disabled={props.disabled}
        onClick={() => change(!open)}
      >
        {props.button}
      </button>
      {open && (
        <section ref={panel} class="menu-panel" aria-label={props.label}>
          {props.children(() => {
            change(false);
            opener.current?.focus();
          })}
        </section>
      )}
    </div>
  );
}

const MARGIN_PX = 8;

/** Puts a menu's panel below its button, or beside it, wherever the window has room. */
function placeBelow(panel: HTMLElement, opener: HTMLElement): void {
  const button = opener.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = panel;
  const left = Math.min(button.left, innerWidth - width - MARGIN_PX);
  const top = Math.min(button.bottom + 6, innerHeight - height - MARGIN_PX);
  panel.style.left = `${Math.max(MARGIN_PX, left)}px`;
  panel.style.top = `${Math.max(MARGIN_PX, top)}px`;
}

interface ModalProps {
  title: string;
  testid: string;
  onClose?: () => void;
  children: ComponentChildren;
}

/** A dialog over everything; Escape closes it where that is a choice. */
export function Modal({ title, testid, onClose, children }: ModalProps) {
  const element = useRef<HTMLDialogElement>(null);
  useEffect(() => element.current?.showModal(), []);
  const cancel = (event: Event) => {
    event.preventDefault();
    onClose?.();
  };
  // A second Escape closes a dialog whatever the page says; one that has to be answered comes back.
  const closed = () => {
    if (onClose) onClose();
    else element.current?.showModal();
  };
  return (
    <dialog
      ref={element}
      class="modal"
      data-testid={testid}
      aria-labelledby={`${testid}-title`}
      onCancel={cancel}
      onClose={closed}
    >
      <header>
        <h2 id={`${testid}-title`}>{title}</h2>
        {onClose && (
          <IconButton icon="close" label="Close" testid={`${testid}-close`} onClick={onClose} />
        )}
      </header>
      {children}
    </dialog>
  );
}

/** 1234567 → "1.23 M": three digits are enough to compare. */
export function shorten(count: number): string {
  if (count < 1000) return String(Math.round(count));
  if (count < 1e6) return `${(count / 1e3).toPrecision(3)} k`;
  return `${(count / 1e6).toPrecision(3)} M`;
}

/** Seconds as people say them: "40 s", "3:05 min". */
export function sayTime(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")} min`;
}

export const percent = (share: number): string => `${Math.round(100 * share)} %`;
