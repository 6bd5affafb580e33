"What the tests of the network share: a tiny random backbone of each family, with heads, and token windows to read."
import torch
import transformers

from cancer_staging.models.encoding import pad_windows, train_tokenizer
from cancer_staging.models.network import StagingModel

torch.set_num_threads(1)
SIZE = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64, "vocab_size": 200}
SPECIAL = {"pad_token_id": 0, "bos_token_id": 2, "eos_token_id": 3}
FAMILIES = {
    "bert": lambda: transformers.BertConfig(**SIZE, max_position_embeddings=64, pad_token_id=0),
    "roberta": lambda: transformers.RobertaConfig(**SIZE, max_position_embeddings=66, **{**SPECIAL, "pad_token_id": 1}),
    "modernbert": lambda: transformers.ModernBertConfig(**SIZE, **SPECIAL, cls_token_id=2, sep_token_id=3, local_attention=16, global_attn_every_n_layers=2, max_position_embeddings=256),
    "llama": lambda: transformers.LlamaConfig(**SIZE, **SPECIAL, num_key_value_heads=2),
    "mistral": lambda: transformers.MistralConfig(**SIZE, **SPECIAL, num_key_value_heads=2, sliding_window=16),
    "gemma3": lambda: transformers.Gemma3TextConfig(**SIZE, **SPECIAL, num_key_value_heads=2, head_dim=8, sliding_window=16),
    "qwen2": lambda: transformers.Qwen2Config(**SIZE, **SPECIAL, num_key_value_heads=2),
    "qwen3": lambda: transformers.Qwen3Config(**SIZE, **SPECIAL, num_key_value_heads=2, head_dim=8),
}
CAUSAL = ("llama", "mistral", "gemma3", "qwen2", "qwen3")
FIELDS = ["t", "n", "er"]
LABELS = torch.tensor([[1, 0, -1], [3, -1, 1], [-1, 2, 0], [0, 1, -1]])
REPORTS = ["Invasive ductal carcinoma of the breast, pT2 pN0.", "Adenocarcinoma   of the colon,\n\ninvading the serosa; pT4a. ER positive in none of the cells examined here.",
           "Lymph nodes: metastasis in five of twelve.", "", "Carcinoma. " * 40, "Skin."]


def make(family="bert", seed=0, **settings):
    "A model of a tiny random backbone, in evaluation mode, whose adapter and heads are not at their zero start."
    torch.manual_seed(seed)
    model = StagingModel.from_backbone(FAMILIES[family](), settings.pop("fields", FIELDS), settings.pop("tokenizer", None), **settings)
    stir(model)
    return model.eval()


def stir(model):
    "Moves trained weights away from where they start, so that adapters do something and heads differ."
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.requires_grad and ("lora_B" in name or not name.startswith("backbone")):
                weight.add_(torch.randn_like(weight) * 0.2)


def batch(rows=4, longest=20, seed=0):
    "Token windows of unequal length, padded at the end."
    generator = torch.Generator().manual_seed(seed)
    windows = [torch.randint(5, 150, (longest - 5 * row,), generator=generator).tolist() for row in range(rows)]
    return dict(zip(("input_ids", "attention_mask"), pad_windows(windows, 0)))


def logits_of(model, **inputs):
    with torch.no_grad():
        return model(**inputs).logits


def same(one, other):
    return set(one) == set(other) and all(torch.equal(one[name], other[name]) for name in one)


def close(one, other, atol):
    assert set(one) == set(other)
    for name in one:
        torch.testing.assert_close(one[name], other[name], atol=atol, rtol=0)


def small_tokenizer():
    "A WordPiece tokenizer of the reports."
    return train_tokenizer(REPORTS, 150)
