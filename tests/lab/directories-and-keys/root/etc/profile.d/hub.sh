# export HF_ENDPOINT=https://off.abroad.example
export HF_ENDPOINT="https://hub.abroad.example"
