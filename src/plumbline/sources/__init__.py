"""Where replies come from: endpoints, local models, retrieval; and the samplers that find the two replies of a turn."""

from plumbline.sources.addressing import SourceAddress, SourceKind, parse_address
from plumbline.sources.concurrency import AdaptiveGate, AdaptiveLimit, LimitSettings
from plumbline.sources.corpus import Corpus, corpus_from_table
from plumbline.sources.endpoint import EndpointOptions, EndpointSource
from plumbline.sources.failures import ReplyError
from plumbline.sources.local_model import LocalModelOptions, LocalModelSource
from plumbline.sources.offline_scorer import TakenUpScorer
from plumbline.sources.opening import open_source
from plumbline.sources.replies import Finish, Reply, ReplySource, Sampling, Scorer, StreamingSource
from plumbline.sources.retrieval import RetrievalSource
from plumbline.sources.samplers import BestOf, Considered, Drawn, Pairing, Sampler, TwoModels, TwoSamples
from plumbline.sources.seeds import derived_seed, fresh_seed

__all__ = [
    "AdaptiveGate",
    "AdaptiveLimit",
    "BestOf",
    "Considered",
    "Corpus",
    "Drawn",
    "EndpointOptions",
    "EndpointSource",
    "Finish",
    "LimitSettings",
    "LocalModelOptions",
    "LocalModelSource",
    "Pairing",
    "Reply",
    "ReplyError",
    "ReplySource",
    "RetrievalSource",
    "Sampler",
    "Sampling",
    "Scorer",
    "SourceAddress",
    "SourceKind",
    "StreamingSource",
    "TakenUpScorer",
    "TwoModels",
    "TwoSamples",
    "corpus_from_table",
    "derived_seed",
    "fresh_seed",
    "open_source",
    "parse_address",
]
