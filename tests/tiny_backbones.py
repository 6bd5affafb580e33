"What the training tests share: tiny random backbones with a tokenizer, and invented reports with labels."
from pathlib import Path

import polars as pl

from cancer_staging.corpora.synthetic import synthetic_reports


def labelled_frame(count: int = 60, seed: int = 0) -> pl.DataFrame:
    "Invented reports as a corpus frame with T, N, M and ER."
    reports = list(synthetic_reports(count, seed))
    labels = {name: [report.truth[name].label for report in reports] for name in ("t", "n", "m", "er")}
    return pl.DataFrame({"patient_id": [report.report_id for report in reports], "project": ["BRCA" if report.cancer == "breast" else "OTHER" for report in reports],
                         **labels, "text": [report.text for report in reports]})


def save_tokenizer(folder: Path) -> int:
    "A word-level tokenizer trained on invented reports; gives back the size of its vocabulary."
    from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.WordLevel(unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    tokenizer.train_from_iterator((report.text for report in synthetic_reports(100)), trainers.WordLevelTrainer(special_tokens=special, vocab_size=1000))
    tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]", model_max_length=512).save_pretrained(folder)
    return tokenizer.get_vocab_size()


def save_encoder(folder: Path, dropout: float = 0.1, spread: float = 0.02) -> Path:
    "A random BERT of two layers, with its tokenizer; the smaller the spread of its weights, the more alike its vectors."
    import torch
    from transformers import BertConfig, BertModel

    torch.manual_seed(0)
    config = BertConfig(vocab_size=save_tokenizer(folder), hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64, max_position_embeddings=512,
                        hidden_dropout_prob=dropout, attention_probs_dropout_prob=dropout, pad_token_id=0, initializer_range=spread)
    BertModel(config).save_pretrained(folder)
    return folder


def save_decoder(folder: Path) -> Path:
    "A random Llama of two layers, with its tokenizer."
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(vocab_size=save_tokenizer(folder), hidden_size=32, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=2, intermediate_size=64,
                         max_position_embeddings=1024, pad_token_id=0, bos_token_id=2, eos_token_id=3)
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder
