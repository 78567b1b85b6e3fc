// Files on their way to the server, one request each.

import type { Attachment } from "./shapes";

export interface Uploaded {
  id: string;
  name: string;
  media_type: string;
  size: number;
  url: string;
}

export interface Upload {
  done: Promise<Uploaded>;
  stop(): void;
}

export function upload(place: URL, token: string, file: File, progress: (share: number) => void): Upload {
  const request = new XMLHttpRequest();
  const done = new Promise<Uploaded>((resolve, reject) => {
    request.open("POST", place);
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
  const type = uploaded.media_type.startsWith("image/") ? "image" : "file";
  return { type, mime: uploaded.media_type, name: uploaded.name, size: uploaded.size, url: uploaded.url };
}
