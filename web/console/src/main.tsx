import "@samtal/shared/tokens.css";
