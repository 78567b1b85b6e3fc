// Files on their way to the server, one request each.

import type { Attachment } from "./shapes";

export interface Uploaded {
  id: string;
  name: string;
  type: string;
  size: number;
  url: string;
}

export interface Upload {
  done: Promise<Uploaded>;
  stop(): void;
}

export function upload(base: string, token: string, file: File, progress: (share: number) => void): Upload {
  const request = new XMLHttpRequest();
  const done = new Promise<Uploaded>((resolve, reject) => {
    request.open("POST", new URL("chat-api/files", base));
    request.setRequestHeader("Authorization", `Bearer ${token}`);
    request.setRequestHeader("Content-Type", file.type || "application/octet-stream");
    request.setRequestHeader("X-File-Name", encodeURIComponent(file.name));
    request.upload.onprogress = (event) => event.lengthComputable && progress(event.loaded / event.total);
    request.onload = () => (request.status === 201 ? resolve(JSON.parse(request.responseText)) : reject(request.status));
    request.onerror = () => reject(0);
    request.onabort = () => reject(0);
    request.send(file);
  });
  return { done, stop: () => request.abort() };
}

export function attachmentOf(uploaded: Uploaded): Attachment {
  const type = uploaded.type.startsWith("image/") ? "image" : "file";
  return { type, mime: uploaded.type, name: uploaded.name, size: uploaded.size, url: uploaded.url };
}
