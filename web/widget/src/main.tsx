import tokens from "@samtal/shared/tokens.css?inline";

void tokens;
