import "@samtal/shared/tokens.css";
import "./phones.css";

import { render } from "preact";

import { App } from "./app";

const place = document.getElementById("app");
if (place) render(<App site={document.title} />, place);
