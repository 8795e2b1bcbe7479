"""What a plugin declares: frozen, JSON-able descriptions; their ``target`` is imported when used.

Listing, planning and documentation read these and never import torch.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

#: Requirements a loss may declare in :attr:`LossSpec.needs`.
Need = Literal["discriminator", "dense", "features"]


@dataclass(frozen=True, kw_only=True)
class ComponentSpec:
    """What every declared component has in common.

    Attributes:
        name: Short id, ``[a-z0-9][a-z0-9_-]*``; canonical ids are ``owner/name``.
        target: ``"package.module:Class"``, imported only when the component is used.
        summary: One sentence for ``synthbench list``.
        code_version: The author's promise: raise it when the same parameters give other numbers.
            It is part of every content key, so raising it makes cached results stale.
        requires: Import names of optional packages that must be installed; checked at plan time.
        preflight: Optional ``"package.module:function"`` called at plan time with the component's
            parameters; returns ``list[tuple[str, str]]`` of (what is missing, how to fix it), for
            example pre-trained weights. Must not import torch.
        remarks: Optional ``"package.module:function"`` called at plan time with the component's
            parameters; returns ``list[str]``: what every result made with them must say, for
            example that a backbone is randomly initialised. Must not import torch.
        citation: Whom to cite, one line.
    """

    name: str
    target: str
    summary: str
    code_version: int = 1
    requires: tuple[str, ...] = ()
    preflight: str = ""
    remarks: str = ""
    citation: str = ""


@dataclass(frozen=True, kw_only=True)
class TranslatorSpec(ComponentSpec):
    """A :class:`~synthbench.api.Translator`.

    Attributes:
        max_sources: Most source modalities it accepts; ``None`` for any number.
        trained: Whether it has weights to train; ``False`` for closed forms.
    """

    max_sources: int | None = None
    trained: bool = True


@dataclass(frozen=True, kw_only=True)
class DiscriminatorSpec(ComponentSpec):
    """A :class:`~synthbench.api.Discriminator`.

    Attributes:
        conditional: Whether it looks at the condition (usually the source) beside the image.
        dense: Whether it gives one logit a voxel.
        features: Whether it can return intermediate features (feature matching).
    """

    conditional: bool = False
    dense: bool = False
    features: bool = False


@dataclass(frozen=True, kw_only=True)
class LossSpec(ComponentSpec):
    """A :class:`~synthbench.api.Loss` or :class:`~synthbench.api.AdversarialLoss`.

    Attributes:
        adversarial: Whether the target is an adversarial pair.
        needs: What a discriminator must offer for this loss to make sense.
    """

    adversarial: bool = False
    needs: tuple[Need, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Intensity:
    """How a modality's raw intensities map to the unit range [0, 1], and back.

    A volume is clipped to ``[low, high]`` and mapped linearly onto [0, 1], where the bounds are:

    * ``minmax``: the volume's own minimum and maximum;
    * ``percentile``: its ``low``-th and ``high``-th percentile (defaults 0.1 and 99.9);
    * ``zscore``: foreground mean + ``low`` and ``high`` standard deviations (defaults -5 and 5);
    * ``window``: the fixed values ``low`` and ``high``, e.g. -1024 and 3000 HU.

    Attributes:
        kind: One of the four above.
        low: Lower percentile, multiple of sd, or value.
        high: Upper percentile, multiple of sd, or value.
        unit: Physical unit of the raw intensities, ``""`` where it is arbitrary.
    """

    kind: Literal["minmax", "percentile", "zscore", "window"] = "minmax"
    low: float | None = None
    high: float | None = None
    unit: str = ""


@dataclass(frozen=True, kw_only=True)
class Task:
    """Translate ``source`` modalities into ``target``."""

    source: tuple[str, ...]
    target: str

    def __str__(self) -> str:
        return f"{'+'.join(self.source)} -> {self.target}"


@dataclass(frozen=True, kw_only=True)
class DatasetSpec(ComponentSpec):
    """A :class:`~synthbench.api.Dataset`.

    Attributes:
        modalities: Intensity model of each modality it may hold.
        default_intensity: Model of modalities not named there (free-form folders).
        tasks: Its usual tasks; the first is used when none is given.
        needs_root: Whether it reads a folder (``False``: made on the fly).
        licence: Licence or data-use terms, one line.
        obtain: One line that says how to get the data.
        presets: Dataset parameters by preset name, e.g. a coarse grid for ``smoke``.
        split: Division into training and test subjects that is usual for this dataset, in the
            words of a suite's ``split`` (e.g. ``{"kind": "kfold", "folds": 5}``); used when none is
            asked for.
        exportable: Whether ``synthbench data export`` can write this layout
            (:meth:`~synthbench.api.Dataset.place`).
    """

    modalities: Mapping[str, Intensity] = field(default_factory=dict)
    default_intensity: Intensity = Intensity(kind="percentile")
    tasks: tuple[Task, ...] = ()
    needs_root: bool = True
    licence: str = ""
    obtain: str = ""
    presets: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    split: Mapping[str, Any] = field(default_factory=dict)
    exportable: bool = False

    def intensities(self, modalities: Iterable[str]) -> dict[str, Intensity]:
        """Return the intensity model of each of these modalities."""
        return {name: self.modalities.get(name, self.default_intensity) for name in modalities}


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One number an evaluator gives.

    Attributes:
        name: Column id, e.g. ``ssim``.
        label: As printed in tables, e.g. ``SSIM``.
        version: Raise it when the same volumes give another number.
        better: Direction of improvement.
        unit: Unit of the value; ``"target"`` means the target's physical unit where it has one.
        data_range: Where the dynamic range L comes from, in words (e.g. ``"fixed, 1.0"``).
        decimals: Digits after the point in tables.
        definition: Formula and library call in one line.
        family: What it measures, for comparing protocols (``synthbench report
            --protocol-spread``), e.g. ``ssim`` for MS-SSIM too; empty: its name.
        sample: Of scores of whole sets: what ``Score.voxels`` counts instead, e.g. ``slices``;
            tables print the number with the label, since such scores depend on it.
    """

    name: str
    label: str
    version: int = 1
    better: Literal["higher", "lower"] = "lower"
    unit: str = ""
    data_range: str = ""
    decimals: int = 3
    definition: str = ""
    family: str = ""
    sample: str = ""


@dataclass(frozen=True, kw_only=True)
class EvaluatorSpec(ComponentSpec):
    """An :class:`~synthbench.api.Evaluator`.

    Attributes:
        metrics: The metrics it gives.
        default: Whether a run uses it when ``--evaluators`` is not given.
        protocol: Metric protocol, e.g. ``synthrad2025``: a fixed set of definitions under which
            scores may be compared; ``code_version`` is its version. A table holds one protocol only
            and, beside it, evaluators without one.
        masks: Whether it compares segmentations (``Case.segmented`` with ``Case.regions``) instead
            of images: ``synthbench segment`` uses it then, and a run never does.
        regions: What regions are that it derives itself, by name, as tables define them (e.g.
            ``{"bone": "voxels of the real target from 250 HU on"}``).
    """

    metrics: tuple[Metric, ...] = ()
    default: bool = False
    protocol: str = ""
    masks: bool = False
    regions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class SegmenterSpec(ComponentSpec):
    """A :class:`~synthbench.api.Segmenter`.

    Attributes:
        presets: Parameters by preset: ``smoke`` and ``quick`` shorten training; ``paper``, without
            any, is training at full length.
    """

    presets: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class MethodSpec:
    """A method: a named recipe.

    Attributes:
        name: Short id.
        summary: One sentence for ``synthbench list``.
        recipe: Fields of :class:`~synthbench.api.recipe.Recipe` as published (preset ``paper``).
        presets: For ``smoke`` and ``quick``: dotted recipe paths and their values.
        variant_of: Name of the method this is an ablation of; variants are left out of
            ``--methods all`` and chosen by name or pattern.
        baseline: Marks a floor that every trained method must beat (identity, linear).
        paper: Citation, one line.
        notes: What results must say beside this method, e.g. ``"random VGG-19 backbone"``.
    """

    name: str
    summary: str
    recipe: Mapping[str, Any]
    presets: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    variant_of: str = ""
    baseline: bool = False
    paper: str = ""
    notes: str = ""
