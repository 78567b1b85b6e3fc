// A dialog over the page, or at its right side; Mantine's own head would be a second banner of the page.

import { Drawer, Modal } from "@mantine/core";
import type { ReactNode } from "react";

import { useFocusBack } from "./focus";
import { useWords } from "./words";

interface SheetProps {
  title: string;
  /** Without it the dialog cannot be closed, only answered. */
  onClose?: () => void;
  size?: string;
  side?: boolean;
  children: ReactNode;
}

export function Sheet({ title, onClose, size = "md", side = false, children }: SheetProps) {
  const { t } = useWords();
  useFocusBack();
  const Frame = side ? Drawer : Modal;
  const fixed = onClose === undefined;
  return (
    <Frame.Root
      opened
      onClose={onClose ?? (() => {})}
      size={size}
      closeOnEscape={!fixed}
      closeOnClickOutside={!fixed}
      {...(side ? { position: "right" as const } : { centered: fixed })}
    >
      <Frame.Overlay />
      <Frame.Content>
        <div className="sheet-head">
          <Frame.Title>{title}</Frame.Title>
          {!fixed && <Frame.CloseButton aria-label={t("close")} />}
        </div>
        <Frame.Body>{children}</Frame.Body>
      </Frame.Content>
    </Frame.Root>
  );
}
