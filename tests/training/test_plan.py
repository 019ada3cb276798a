"""The plan that is made from what the data looks like."""

import dataclasses

import pytest

from segfit.classes import ClassTable
from segfit.datasets import Dataset, ImageStats
from segfit.datasets.labelled import Source
from segfit.errors import SegfitError
from segfit.model.scaling import Scaling
from segfit.training.plan.plan import Plan, make_plan, read_plan

FACE = ("background", "skin", "eyes")


def describe(images, names):
    """A data set of which only the figures are known: (height, width, sides per class)."""
    classes = ClassTable.from_names(names)
    stats = [
        ImageStats(
            height=height,
            width=width,
            class_pixels=tuple(int(sum(side**2 for side in sides)) for sides in sides_of_classes),
            object_sides_px=tuple(tuple(map(float, sides)) for sides in sides_of_classes),
        )
        for height, width, sides_of_classes in images
    ]
    sources = [Source(f"{index:03}", read=lambda: None) for index in range(len(stats))]
    return Dataset(classes, sources, stats=stats)


def faces(*, eye_px=9, count=20):
    """Portraits of one size with two small eyes each."""
    return describe([(512, 384, ([300], [150], [eye_px, eye_px]))] * count, FACE)


def fields(count=20):
    """Fields of view of many sizes, in which nuclei are about 20 px wide."""
    sizes = [(256, 256), (520, 696), (1040, 1388), (360, 360)]
    images = [
        (*sizes[n % 4], ([200], [18 + n % 4, 21, 22, 20] * (1 + n % 4))) for n in range(count)
    ]
    return describe(images, ("background", "nucleus"))


def test_what_is_as_thin_as_a_crack_gets_a_finer_grid():
    def cracks(px):
        return describe([(1000, 1000, ([900], [px, px]))] * 8, ("background", "crack"))

    thin, reasons = make_plan(cracks(5))
    assert thin.output_stride == 2
    assert "leaves it 2.6 cells" in reasons[0]
    assert make_plan(cracks(9))[0].output_stride == 4
    assert make_plan(cracks(5), overrides={"minutes": 0.5})[0].output_stride == 4
    assert make_plan(faces(eye_px=3))[0].output_stride == 4, "one class of several"


def test_portraits_are_frames_of_their_own_size():
    plan, reasons = make_plan(faces())
    assert plan.scaling == Scaling("frame", long_side_px=512)
    assert plan.crop_px == (512, 384)
    assert not plan.augmentation.flip_vertical
    assert plan.augmentation.rotation_deg <= 30
    assert "narrowest class, eyes, is 9 px wide" in reasons[0]
    assert "leaves it 2.2 cells" in reasons[0]


def test_fields_of_view_keep_the_size_of_their_objects():
    plan, reasons = make_plan(fields())
    assert plan.scaling.kind == "field"
    assert 20 * plan.scaling.factor / plan.output_stride >= 2
    assert plan.augmentation.flip_vertical
    assert plan.augmentation.rotation_deg == 180
    assert "field of view" in reasons[0]


@pytest.mark.parametrize(("eye_px", "native"), [(40, 2048), (12, 2048), (17, 1024)])
def test_small_classes_keep_two_cells_or_it_is_said(eye_px, native):
    data = describe([(native, native * 3 // 4, ([native], [200], [eye_px]))] * 4, FACE)
    plan, reasons = make_plan(data)
    cells = eye_px * plan.scaling.long_side_px / native / plan.output_stride
    assert cells >= 2 or "are wanted, so expect it to be hard" in reasons[0]
    assert (cells < 2) == ("expect it to be hard" in reasons[0])


def test_specks_do_not_decide_the_resolution():
    data = describe([(1024, 1024, ([900], [200], [40, 1, 1, 1, 1]))] * 4, FACE)
    plan, reasons = make_plan(data)
    assert "is 40 px wide" in reasons[0]
    assert plan.scaling.long_side_px == 512


def test_every_plan_can_be_trained():
    for data in (faces(), fields(), faces(eye_px=3, count=1), fields(2)):
        plan, _ = make_plan(data)
        assert all(side % 64 == 0 for side in plan.crop_px)
        assert plan.batch >= 1
        assert 3 <= plan.minutes <= 60
        assert Plan.model_validate(plan.model_dump(mode="json")) == plan


def test_rare_class_brings_dice():
    plan, reasons = make_plan(faces())
    assert plan.loss == "cross_entropy + 0.5 dice"
    assert any("Dice" in reason for reason in reasons)
    even = describe([(512, 512, ([300], [300], [300]))] * 5, FACE)
    assert make_plan(even)[0].loss == "cross_entropy"


def test_very_rare_class_brings_weights():
    plan, reasons = make_plan(faces(eye_px=5))
    weights = plan.class_weights
    shares = {"background": 300**2, "skin": 150**2, "eyes": 2 * 5**2}
    assert list(weights) == list(FACE)
    assert weights["skin"] / weights["background"] == pytest.approx(2, abs=0.02)
    assert weights["eyes"] == 5.0, "the cap; 1/√share would be 29"
    mean = sum(weights[name] * share for name, share in shares.items()) / sum(shares.values())
    assert mean == pytest.approx(1, abs=0.02)
    assert any("classes weighted by 1/√share: background" in reason for reason in reasons)
    assert make_plan(faces(eye_px=40))[0].class_weights == {}
    by_hand, reasons = make_plan(faces(eye_px=5), overrides={"class_weights": {"eyes": 2.0}})
    assert by_hand.class_weights == {"eyes": 2.0}
    assert not any("weighted" in reason for reason in reasons)


def test_more_images_get_more_minutes():
    few, many = (make_plan(faces(count=count))[0].minutes for count in (20, 500))
    assert few == 3
    assert 3 < many <= 60


def test_every_value_can_be_set_by_hand():
    given = {
        "encoder": "plain",
        "widths": [[8], [8], [8], [8], [8, 8]],
        "branches": "eyes@1/2x48; skin@1/4",
        "scaling": {"kind": "field", "factor": 0.5},
        "crop_px": [128, 192],
        "oversampling": 0.5,
        "output_stride": 2,
        "batch": 3,
        "minutes": 1.5,
        "steps": 10,
        "frozen_stages": 0,
        "coarse_share": 0.0,
        "loss": "focal",
        "class_weights": {"eyes": 4},
        "optimizer": "rmsprop",
        "learning_rate": 0.01,
        "encoder_rate": 1.0,
        "schedule": "constant",
        "l2": 1e-4,
        "objects": "none",
        "regressor_share": 0.5,
        "boxes_share": 0.1,
        "regressor_rate": 1e-3,
        "regressor_width": 32,
        "augmentation": {"flip_horizontal": False},
    }
    assert given.keys() == Plan.model_fields.keys()
    plan, _ = make_plan(faces(), overrides=given)
    chosen = plan.model_dump(mode="json")
    for name, value in given.items():
        if name not in ("scaling", "augmentation"):
            assert chosen[name] == value, name
    assert plan.scaling == Scaling("field", factor=0.5)
    assert not plan.augmentation.flip_horizontal
    assert plan.augmentation.zoom == make_plan(fields())[0].augmentation.zoom


def describe_objects(*, objects, touching, sides=(20.0, 21.0, 22.0), sizes=((512, 512),) * 6):
    """Images of objects that are told apart, of which only the figures are known."""
    classes = ClassTable.from_names(("background", "nucleus"), object_classes=(1,))
    stats = [
        ImageStats(
            height=height,
            width=width,
            class_pixels=(10_000, 1_000),
            object_sides_px=((100.0,), (sides[number % len(sides)],)),
            objects=objects,
            touching=touching,
        )
        for number, (height, width) in enumerate(sizes)
    ]
    sources = [Source(f"{index:03}", read=lambda: None) for index in range(len(stats))]
    return Dataset(classes, sources, stats=stats)


def test_objects_that_touch_get_a_head_of_their_own():
    plan, reasons = make_plan(describe_objects(objects=30, touching=6))
    assert (plan.objects, plan.output_stride, plan.coarse_share) == ("grouped", 2, 0.0)
    assert any("36 of 180 objects touch another" in reason for reason in reasons)
    architecture = plan.architecture(
        ClassTable.from_names(("background", "nucleus"), object_classes=(1,))
    )
    assert architecture.has_objects
    assert architecture.output_stride == 2


def test_objects_that_never_touch_are_regions():
    plan, reasons = make_plan(describe_objects(objects=30, touching=0))
    assert plan.objects == "regions"
    assert any("0 of 180 objects touch another, so no head" in reason for reason in reasons)
    assert plan.output_stride == 4
    given, _ = make_plan(describe_objects(objects=30, touching=0), overrides={"objects": "none"})
    assert given.objects == "none"


def test_without_object_classes_nothing_is_said_of_objects():
    plan, reasons = make_plan(faces())
    assert plan.objects == "none"
    assert not any(reason.startswith("objects ") for reason in reasons)
    with pytest.raises(SegfitError, match="'grouped', but no class of the data has objects"):
        make_plan(faces(), overrides={"objects": "grouped"})


def test_images_of_one_size_are_fields_where_they_hold_many_objects_of_one_size():
    plan, reasons = make_plan(describe_objects(objects=30, touching=6))
    assert plan.scaling == Scaling("field")
    assert "images have 30 objects each" in reasons[0]
    few, _ = make_plan(describe_objects(objects=2, touching=0))
    assert few.scaling.kind == "frame"
    uneven, _ = make_plan(describe_objects(objects=30, touching=6, sides=(6.0, 30.0, 100.0)))
    assert uneven.scaling.kind == "frame"


def test_fields_of_small_objects_that_touch_are_enlarged():
    small = describe_objects(objects=30, touching=6, sides=(8.0, 10.0, 14.0))
    # The smaller quarter is narrower than 8.5 px, and 6 cells of 2 px are wanted.
    assert make_plan(small)[0].scaling.factor == 1.41
    tiny = describe_objects(objects=30, touching=6, sides=(4.0, 5.0, 6.0))
    assert make_plan(tiny)[0].scaling.factor == 1.5
    apart = describe_objects(objects=30, touching=0, sides=(8.0, 10.0, 14.0))
    assert make_plan(apart)[0].scaling.factor == 1.0
    large = describe_objects(objects=30, touching=6, sides=(70.0, 80.0, 90.0))
    assert make_plan(large)[0].scaling.factor == 0.3


def test_grey_levels_are_spread_out_where_exposures_differ():
    dim, even = fields(), fields()
    dim.stats = tuple(
        dataclasses.replace(stats, levels=(3, 20 + 10 * (number % 20)))
        for number, stats in enumerate(dim.stats)
    )
    plan, reasons = make_plan(dim)
    assert plan.scaling.stretch
    assert any("images use" in reason for reason in reasons)
    plan, reasons = make_plan(even)
    assert not plan.scaling.stretch
    assert not any("images use" in reason for reason in reasons)


def test_strands_beside_a_head_of_hair_do_not_make_it_a_class_of_small_objects():
    sides = [300], [150, 9, 9, 9, 9], [9, 9]
    plan, _ = make_plan(describe([(512, 384, sides)] * 20, FACE), overrides={"branches": "auto"})
    assert plan.branches == "eyes@1/2x48; skin@1/4x64"


def test_branches_are_spelt_out():
    plan, reasons = make_plan(faces(), overrides={"branches": "auto"})
    assert plan.branches == "eyes@1/2x48; skin@1/4x64"
    assert plan.output_stride == 2
    assert any("skin 150, eyes 9" in reason for reason in reasons)
    same, _ = make_plan(faces(eye_px=140), overrides={"branches": "auto"})
    assert same.branches == ""
    given, _ = make_plan(faces(), overrides={"branches": "eyes@1/4; skin@1/8x32"})
    assert (given.branches, given.output_stride) == ("eyes@1/4; skin@1/8x32", 4)
    with pytest.raises(SegfitError, match="at least one works at 1/2 or 1/4"):
        make_plan(faces(), overrides={"branches": "eyes,skin@1/8"})


def test_crop_follows_a_resolution_given_by_hand():
    plan, reasons = make_plan(faces(), overrides={"scaling": Scaling("frame", long_side_px=256)})
    assert plan.crop_px == (256, 192)
    assert plan.batch == 8
    assert reasons[0] == "resolution as given"


def test_crops_are_laid_about_touching_objects_in_few_places():
    def parts(*sides, touching=2):
        data = describe([(1000, 1000, ([950], sides))] * 8, ("background", "part"))
        data.stats = tuple(
            dataclasses.replace(stats, objects=len(sides), touching=touching)
            for stats in data.stats
        )
        data.classes = ClassTable.from_names(data.classes.names, object_classes=(1,))
        return data

    plan, reasons = make_plan(parts(40, 40))
    assert plan.oversampling == 0.9
    assert plan.crop_px == (256, 256)
    assert plan.batch == 6
    assert any("90% of the crops are laid about foreground, which has 0.4%" in r for r in reasons)
    apart, reasons = make_plan(parts(40, 40, touching=0))
    assert (apart.oversampling, apart.crop_px) == (0, (448, 448))
    assert not any("foreground" in reason for reason in reasons)
    assert make_plan(parts(280))[0].oversampling == 0, "a crop would be inside of one"
    assert make_plan(parts(*[90] * 13))[0].oversampling == 0, "a tenth of the pixels"
    given, reasons = make_plan(parts(40, 40), overrides={"oversampling": 0.25})
    assert (given.oversampling, given.crop_px) == (0.25, (256, 256))
    assert not any("foreground" in reason for reason in reasons)


def test_architecture_has_one_output_for_background_and_foreground():
    plan, _ = make_plan(fields(), overrides={"encoder": "plain", "widths": [[4]] * 5})
    binary = ClassTable.from_names(("background", "nucleus"))
    assert plan.architecture(binary).outputs == 1
    both = ClassTable.from_names(("left", "right"), background=None)
    assert plan.architecture(both).outputs == 2
    assert plan.architecture(ClassTable.from_names(tuple("abcdef"))).widths == ((4,),) * 5


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"epochs": 5}, "plan, epochs: no such setting; there are encoder, widths"),
        ({"augmentation": {"shear": 1}}, "plan, augmentation.shear: no such setting; there are"),
        ({"augmentation": {"zoom": 9}}, "plan, augmentation.zoom: "),
        ({"augmentation": 5}, "plan, augmentation: "),
        ({"augmentation": "off"}, "plan, augmentation: "),
        ({"oversampling": 1.5}, "plan, oversampling: expected less than or equal to 1, given 1.5"),
        ({"batch": 0}, "plan, batch: expected greater than or equal to 1, given 0"),
        ({"batch": "many"}, "plan, batch: "),
        ({"minutes": 0}, "plan, minutes: expected greater than 0, given 0"),
        ({"minutes": float("inf")}, "plan, minutes: "),
        ({"learning_rate": float("nan")}, "plan, learning_rate: "),
        ({"optimizer": "sgd"}, "plan, optimizer: expected 'adamw', 'adam' or 'rmsprop'"),
        ({"loss": "cross entropy"}, "loss 'cross entropy': 'cross entropy' is unknown; terms are"),
        ({"class_weights": {"mouth": 2}}, "no class mouth; classes are background, skin, eyes"),
        ({"class_weights": {"eyes": -2}}, "plan, class_weights.eyes: "),
        ({"crop_px": [100, 64]}, "plan, crop_px: multiples of 64 are needed, given [100, 64]"),
        ({"crop_px": [96, 96]}, "plan, crop_px: multiples of 64 are needed, given [96, 96]"),
        ({"crop_px": [0, 64]}, "plan, crop_px: multiples of 64 are needed, given [0, 64]"),
        ({"crop_px": [-64, 64]}, "plan, crop_px: multiples of 64"),
        ({"scaling": "half"}, "plan, scaling: a table with kind = 'frame' and long_side_px"),
        ({"scaling": {"kind": "zoom"}}, "plan, scaling: a table"),
        ({"scaling": {"factor": 0.5}}, "plan, scaling: a table"),
        ({"scaling": {"kind": "frame"}}, "long_side_px"),
        ({"scaling": {"kind": "frame", "long_side_px": "big"}}, "plan, scaling"),
        ({"scaling": {"kind": "frame", "long_side_px": -5}}, "long_side_px"),
        ({"scaling": {"kind": "field", "factor": 0}}, "factor"),
        ({"scaling": {"kind": "field", "factor": 1e9}}, "factor"),
    ],
)
def test_setting_that_cannot_be_is_explained(overrides, message):
    with pytest.raises(SegfitError) as caught:
        make_plan(faces(), overrides=overrides)
    assert message in str(caught.value)


def test_overrides_stay_as_they_were():
    overrides = {"augmentation": {"zoom": 2}, "scaling": {"kind": "frame", "long_side_px": 256}}
    make_plan(faces(), overrides=overrides)
    assert overrides == {
        "augmentation": {"zoom": 2},
        "scaling": {"kind": "frame", "long_side_px": 256},
    }


def test_plan_is_read_from_toml(tmp_path):
    path = tmp_path / "plan.toml"
    path.write_text('batch = 3\nloss = "dice"\n[scaling]\nkind = "field"\nfactor = 0.5\n')
    plan, _ = make_plan(faces(), overrides=read_plan(path))
    assert (plan.batch, plan.loss, plan.scaling) == (3, "dice", Scaling("field", factor=0.5))


def test_plan_file_that_cannot_be_read_is_explained(tmp_path):
    with pytest.raises(SegfitError, match=r"none\.toml: there is no such plan"):
        read_plan(tmp_path / "none.toml")
    with pytest.raises(SegfitError, match="is a folder"):
        read_plan(tmp_path)
    path = tmp_path / "plan.toml"
    for content in (b"batch = ", b"\xff\xfe", b"[scaling\n"):
        path.write_bytes(content)
        with pytest.raises(SegfitError, match=r"plan\.toml is not TOML"):
            read_plan(path)


def test_a_plan_is_frozen():
    plan, _ = make_plan(faces())
    with pytest.raises((ValueError, dataclasses.FrozenInstanceError)):
        plan.batch = 5


@pytest.mark.parametrize(("minutes", "share"), [(3, 0.25), (32, 0.25), (60, 0.13)])
def test_in_a_long_training_the_classifier_gets_what_the_regressors_need_not(minutes, share):
    scaling = {"kind": "frame", "long_side_px": 512}
    plan, _ = make_plan(faces(), overrides={"scaling": scaling, "minutes": minutes})
    assert plan.regressor_share == share


@pytest.mark.parametrize(("long_side_px", "share", "stride"), [(512, 0.25, 4), (256, 0.5, 2)])
def test_coarse_classifiers_get_a_finer_grid_and_time_for_outlines(long_side_px, share, stride):
    scaling = {"kind": "frame", "long_side_px": long_side_px}
    training = faces()
    plan, reasons = make_plan(training, overrides={"scaling": scaling})
    assert plan.regressor_share == share
    assert plan.output_stride == stride
    assert any("outlines have most to gain" in reason for reason in reasons) == (stride == 2)
    by_hand = {"regressor_share": 0.1, "output_stride": 4}
    given, _ = make_plan(training, overrides={"scaling": scaling, **by_hand})
    assert given.regressor_share == 0.1
    assert given.output_stride == 4


@pytest.mark.parametrize(
    ("settings", "rate"),
    [
        ({"minutes": 0.5}, 8e-3),
        ({"minutes": 1}, 8e-3),
        ({"minutes": 3}, 4e-3),
        ({"minutes": 20}, 2e-3),
        ({"steps": 10, "minutes": 1}, 2e-3),
        ({"minutes": 1, "learning_rate": 1e-3}, 1e-3),
    ],
)
def test_short_trainings_learn_in_larger_steps(settings, rate):
    plan, _ = make_plan(faces(), overrides=settings)
    assert plan.learning_rate == rate


def test_a_hurried_training_has_no_time_for_a_fine_grid():
    scaling = {"kind": "frame", "long_side_px": 256}
    strides = [
        make_plan(faces(), overrides={"scaling": scaling, "minutes": minutes})[0].output_stride
        for minutes in (0.5, 3)
    ]
    assert strides == [4, 2]


@pytest.mark.parametrize("factor", [1, 11])
def test_specks_do_not_decide_however_large_images_are(factor):
    sides = ([300], [150, *[1] * 40], [20, 20])
    scaled = tuple([factor * side for side in one] for one in sides)
    plan, reasons = make_plan(describe([(512 * factor, 384 * factor, scaled)] * 20, FACE))
    assert plan.scaling == Scaling("frame", long_side_px=512)
    assert f"narrowest class, eyes, is {20 * factor} px wide" in reasons[0]
