"""Official sets whose samples are stamped, or said to be: fixtures in their layout, with quirks."""

import gzip
import io
import re
import tarfile
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest

from edgeclust import DataError
from edgeclust.dataset import Recording
from edgeclust.har_data import READERS, open_dataset, wisdm_v1

from layouts import lines, read, unpacked, zipped

G = 9.80665


def found(recordings: Iterable[Recording]) -> list[tuple[str, str, int]]:
    """Return subject, session and length of recordings."""
    return [(r.subject, r.session, r.signal.shape[1]) for r in recordings]


def labels_of(recording: Recording) -> list[int]:
    assert recording.labels is not None
    return list(map(int, recording.labels))


# WISDM v1.1: 50 ms between records, of which two are repeated, swapped, or otherwise broken.


def wisdm_record(step: int, user: int = 33, activity: str = "Jogging") -> str:
    return f"{user},{activity},{49105962326000 + step * 50_000_000},-0.6946377,{step},9.80665"


WISDM_V1 = "\n".join(
    [
        wisdm_record(0) + ";",
        wisdm_record(1) + ";" + wisdm_record(2) + ";",
        "",
        wisdm_record(3) + ",",
        wisdm_record(4) + ",;",
        "33,Jogging,49106162326000,-0.6946377,7,;",
        "33,Jogging,49106162326000,-0.6946377;",
        "33,Jogging,0,0,0,0;",
        wisdm_record(5),
        wisdm_record(7) + ";",
        wisdm_record(6) + ";",
        wisdm_record(6) + ";",
        wisdm_record(200) + ";",  # nothing for more than 9 s
        wisdm_record(201) + ";",
        *(wisdm_record(step, activity="Sitting") + ";" for step in range(202, 205)),
        *(wisdm_record(step) + ";" for step in range(-90, -85)),  # another bout, the clock reset
        *(wisdm_record(step, 5, "Upstairs") + ";" for step in range(3)),
        "",
    ]
)


def wisdm_v1_archive(text: str, folder: Path) -> Path:
    content = text.encode()
    with tarfile.open(folder / "WISDM_ar_latest.tar.gz", "w:gz") as archive:
        for name in ("readme.txt", "WISDM_ar_v1.1_raw_about.txt", "WISDM_ar_v1.1_raw.txt"):
            info = tarfile.TarInfo(f"WISDM_ar_v1.1/{name}")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return folder


def test_wisdm_v1_reads_what_is_whole_and_counts_what_is_broken(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    card, recordings = read("wisdm-v1", wisdm_v1_archive(WISDM_V1, tmp_path))
    assert found(recordings) == [
        ("33", "jogging 1", 8),
        ("33", "jogging 1", 2),
        ("33", "sitting 2", 3),
        ("33", "jogging 3", 5),
        ("5", "upstairs 1", 3),
    ]
    np.testing.assert_allclose(recordings[0].signal[0], -0.6946377 / G, rtol=1e-6)
    np.testing.assert_allclose(recordings[0].signal[1] * G, range(8), atol=1e-5)
    np.testing.assert_array_equal(recordings[0].signal[2], 1)
    assert [card.classes[labels_of(r)[0]] for r in recordings] == [
        *("jogging", "jogging", "sitting", "jogging", "upstairs")
    ]
    assert caplog.messages == [
        f"{tmp_path / 'WISDM_ar_latest.tar.gz'}: repaired: 1 blank lines, "
        "2 broken records left out, 1 gaps cut, 2 lines ending in ',;', 2 lines without ';', "
        "1 records behind another on a line, 1 records of time 0 left out, "
        "1 samples of a repeated stamp left out, 1 samples out of order sorted"
    ]


def test_wisdm_v1_with_nothing_wrong_says_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    text = "".join(wisdm_record(step) + ";\r\n" for step in range(4))
    files = {"WISDM_ar_v1.1/WISDM_ar_v1.1_raw.txt": text}
    assert found(read("wisdm-v1", unpacked(files, tmp_path))[1]) == [("33", "jogging 1", 4)]
    assert not caplog.messages


def test_wisdm_v1_reads_sound_lines_as_the_careful_way_reads_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    sound = [wisdm_record(step) + ";" for step in range(60)]
    odd = [
        "",
        " ",
        sound[3] + sound[4],
        "33,Jogging,1,2",
        "33, Jogging ,5,1,2,3 ;",
        "33,Jøg,5,1,2,3",
    ]
    odd += [
        line.replace("-0.69", number) for line in sound[:4] for number in (".5", "1.", "e1", "")
    ]
    quick: list[tuple[str, Counter[str]]] = []
    careful: list[tuple[str, Counter[str]]] = []
    for number in range(20):
        rows = [*sound[:number], *rng.permutation([*sound, *odd]).tolist()]
        root = unpacked({"WISDM_ar_v1.1_raw.txt": "\n".join(rows)}, tmp_path / str(number))
        for results in (quick, careful):
            with wisdm_v1.SOURCE.open(root) as members, monkeypatch.context() as patch:
                if results is careful:
                    patch.setattr(wisdm_v1, "SOUND_LINES", re.compile(rb"(?!)"))
                repairs: Counter[str] = Counter()
                table, samples = wisdm_v1._read_records(members, wisdm_v1.FILE, repairs)
                results.append((table.to_csv() + repr(samples.tolist()), repairs))
    assert quick == careful


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("33,Jogging,1\n", r"holds no record user,activity,time,x,y,z;"),
        (
            wisdm_record(0) + ";\n" + wisdm_record(1, activity="Flying") + ";",
            r"raw.txt, record 2: unknown label 'Flying': known are Walking, Jogging",
        ),
    ],
)
def test_wisdm_v1_of_something_else_is_refused(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message):
        read("wisdm-v1", unpacked({"WISDM_ar_v1.1_raw.txt": text}, tmp_path))


def test_wisdm_v1_that_is_there_twice_is_not_read(tmp_path: Path) -> None:
    files = {f"{folder}/WISDM_ar_v1.1_raw.txt": WISDM_V1 for folder in "ab"}
    with pytest.raises(DataError, match=r"has WISDM_ar_v1.1_raw.txt twice, as a/.*txt and b/"):
        read("wisdm-v1", unpacked(files, tmp_path))


# WISDM 2019: nine accelerometer records of an activity, the gyroscope's half a step later.


def wisdm_2019_files(**others: str) -> dict[str, str | bytes]:
    files: dict[str, str | bytes] = {"wisdm-dataset/activity_key.txt": "walking = A\n"}
    for device, origin in (("phone", 252207666810782), ("watch", 90426708196641)):
        for sensor, late in (("accel", 0), ("gyro", 25_000_000)):
            text = ""
            for block, letter in ((0, "A"), (1, "B"), (2, "S"))[:: 2 if sensor == "accel" else 1]:
                for step in range(9):
                    # Blocks lie in the order of their letters, which is not that of time.
                    stamp = origin - block * 10**12 + step * 50_000_000 + late
                    text += f"1600,{letter},{stamp},{step},{block},9.80665;\n"
            name = f"{device}/{sensor}/data_1600_{sensor}_{device}.txt"
            files[f"wisdm-dataset/raw/{name}"] = text
            files[f"wisdm-dataset/arff_files/{name.replace('.txt', '.arff')}"] = "@relation\n"
    files["wisdm-dataset/raw/phone/.DS_Store"] = b"\0"
    return files | {f"wisdm-dataset/raw/{name}": text for name, text in others.items()}


def test_wisdm_2019_puts_the_gyroscope_at_the_stamps_of_the_accelerometer(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    card, recordings = read("wisdm-2019-watch", unpacked(wisdm_2019_files(), tmp_path))
    assert (card.name, card.mount) == ("wisdm-2019-watch", "wrist")
    # The first record of the accelerometer lies before any of the gyroscope.
    assert found(recordings) == [("1600", "walking", 8), ("1600", "folding", 8)]
    signal = recordings[1].signal
    np.testing.assert_allclose(signal[0] * G, range(1, 9), rtol=1e-6)
    np.testing.assert_array_equal(signal[2], 1)
    np.testing.assert_allclose(signal[3], np.arange(8) + 0.5, rtol=1e-6)  # between two records
    np.testing.assert_array_equal(signal[4], 2)
    assert set(labels_of(recordings[1])) == {17}
    assert caplog.messages == [
        f"{tmp_path}: repaired: 2 samples without one of the other sensor left out, "
        "1 streams of one of two sensors left out"
    ]


def test_wisdm_2019_is_read_from_the_archive_within_the_archive(tmp_path: Path) -> None:
    name = "wisdm+smartphone+and+smartwatch+activity+and+biometrics+dataset.zip"
    (tmp_path / name).write_bytes(zipped({"wisdm-dataset.zip": zipped(wisdm_2019_files())}))
    card, recordings = read("wisdm-2019-phone", tmp_path)
    assert (card.name, len(recordings)) == ("wisdm-2019-phone", 2)


def test_wisdm_2019_is_cut_where_either_sensor_has_a_gap(tmp_path: Path) -> None:
    record = "1600,A,{},1,2,3;\n".format
    path = "phone/{0}/data_1600_{0}_phone.txt".format
    files = wisdm_2019_files(
        **{
            path("accel"): "".join(record(step * 50_000_000 + 10**12) for step in range(100)),
            path("gyro"): "".join(
                record(step * 50_000_000 + 10**12) for step in (*range(40), *range(70, 100))
            ),
        }
    )
    _, recordings = read("wisdm-2019-phone", unpacked(files, tmp_path))
    assert found(recordings) == [("1600", "walking", 40), ("1600", "walking", 30)]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("1600,A,1000000000,1,2;", r"accel_phone.txt, line 2: has 5 columns, expected 6"),
        ("1600,A,1000000000,1,2,3,4;", r"accel_phone.txt, line 2: has 7 columns, expected 6"),
        ("1600,A,1000000000,1,2,x;", r"accel_phone.txt, line 2: 'x' is no number"),
        ("1600,N,1000000000,1,2,3;", r"accel_phone.txt, record 2: unknown label 'N'"),
    ],
)
def test_wisdm_2019_says_which_line_is_wrong(line: str, message: str, tmp_path: Path) -> None:
    text = f"1600,A,900000000,1,2,3;\n{line}\n"
    files = wisdm_2019_files(**{"phone/accel/data_1600_accel_phone.txt": text})
    with pytest.raises(DataError, match=message):
        read("wisdm-2019-phone", unpacked(files, tmp_path))


# HARTH: six rows a file, 19 to 21 ms apart; three of the files have a column more.

HARTH_STAMPS = [f"2019-01-12 00:00:0{s}" for s in ("0.000", "0.020", "0.039", "0.060", "0.080")]
HARTH_HEADER = "timestamp,back_x,back_y,back_z,thigh_x,thigh_y,thigh_z,label"


def harth_files(**others: str) -> dict[str, str | bytes]:
    rows = [
        (stamp, -0.760242, step, 0.25, -1.5, 0.5, 0.125, label)
        for step, (stamp, label) in enumerate(zip(HARTH_STAMPS, (6, 6, 13, 140, 1), strict=True))
    ]
    rows += [("2019-01-12 00:00:05.000", *rows[0][1:]), ("2019-01-12 00:00:05.020", *rows[1][1:])]
    files: dict[str, str | bytes] = {
        "harth/S006.csv": lines([HARTH_HEADER.split(","), *rows], ","),
        "harth/S015.csv": lines(
            [
                ("timestamp", "index", *HARTH_HEADER.split(",")[1:]),
                *((row[0], number, *row[1:]) for number, row in enumerate(rows)),
            ],
            ",",
        ),
        "harth/S021.csv": lines(
            [("", *HARTH_HEADER.split(",")), *((n, *row) for n, row in enumerate(rows))], ","
        ),
    }
    return files | {f"harth/{name}": text for name, text in others.items()}


def test_harth_chooses_columns_by_name_and_maps_labels(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "harth.zip").write_bytes(zipped(harth_files()))
    card, recordings = read("harth", tmp_path)
    assert found(recordings) == [
        (subject, subject, length) for subject in ("S006", "S015", "S021") for length in (5, 2)
    ]
    for recording in recordings[::2]:
        np.testing.assert_allclose(recording.signal[0], -0.760242)
        expected = [0, 1, 2, 3, 4]  # steps of 19 and 21 ms are those of a steady clock
        np.testing.assert_allclose(recording.signal[1], expected, rtol=1e-6)
        np.testing.assert_array_equal(recording.signal[3:, 0], [-1.5, 0.5, 0.125])
        assert [card.classes[label] for label in labels_of(recording)] == [
            "standing",
            "standing",
            "cycling sitting",
            "cycling standing, inactive",
            "walking",
        ]
    assert caplog.messages == [f"{tmp_path / 'harth.zip'}: repaired: 3 gaps cut"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("timestamp,back_x\n", r"S008.csv: has no column 'back_y', it has timestamp, back_x"),
        (f"{HARTH_HEADER}\n", r"S008.csv is empty"),
        (f"{HARTH_HEADER}\n{HARTH_STAMPS[0]},1,2,3,4,5,6\n", r"line 2: has 7 columns, expected 8"),
        (f"{HARTH_HEADER}\n{HARTH_STAMPS[0]},1,2,3,4,5,6,9\n", r"record 1: unknown label 9"),
        (f"{HARTH_HEADER}\n\n0:1,1,2,3,4,5,6,8\n", r"S008.csv, record 1: '0:1' is no time"),
        (f"{HARTH_HEADER}\n{HARTH_STAMPS[0]},1,2,?,4,5,6,8\n", r"line 2: '\?' is no number"),
    ],
)
def test_harth_says_which_line_is_wrong(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message):
        read("harth", unpacked(harth_files(**{"S008.csv": text}), tmp_path))


# REALDISP: three seconds a log; the clock of one is set back, another holds nothing but zeros.

REALDISP = np.random.default_rng(0).normal(size=(150, 117)).round(6)


def realdisp_log(back_at: int | None = None) -> str:
    rows: list[list[object]] = []
    for number, values in enumerate(REALDISP):
        stamp = 1_290_000_000_000_000 + number * 20_000
        if back_at is not None and number >= back_at:
            stamp -= 1_500_000_000  # 1500 s
        label = 0 if number < 50 else 33
        rows.append([*divmod(stamp, 10**6), *values.tolist(), label])
    return lines(rows, "\t")


def realdisp_files() -> dict[str, str | bytes]:
    zeros = lines(([0, 0, *["0.0"] * 117, number // 2] for number in range(60)), "\t")
    return {
        "dataset manual.pdf": b"%PDF",
        "subject1_ideal.log": realdisp_log(),
        "subject1_self.log": realdisp_log(back_at=60),
        "subject6_self.log": zeros,
        "subject15_mutual5.log": realdisp_log(),
    }


def test_realdisp_is_in_g_and_leaves_out_logs_of_zeros(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    unpacked(realdisp_files(), tmp_path)
    card, recordings = read("realdisp", tmp_path)
    assert found(recordings) == [
        ("15", "mutual5", 150),
        ("1", "ideal", 150),
        ("1", "self", 60),
        ("1", "self", 90),
    ]
    ideal = recordings[1]
    np.testing.assert_allclose(ideal.signal[13:16] * G, REALDISP[:, 13:16].T, rtol=1e-5)
    np.testing.assert_array_equal(ideal.signal[16:26], REALDISP[:, 16:26].T.astype(np.float32))
    np.testing.assert_array_equal(recordings[3].signal[3], REALDISP[60:, 3].astype(np.float32))
    assert labels_of(ideal) == [-1] * 50 + [32] * 100
    assert (card.classes[32], len(card.classes)) == ("cycling", 33)
    assert [str(card.channels[i]) for i in (0, 3, 12, 13, 116)] == [
        *("rla_acc_x (g)", "rla_gyro_x (rad/s)", "rla_quat_4 (1)", "rua_acc_x (g)"),
        "lc_quat_4 (1)",
    ]
    assert caplog.messages == [
        f"{tmp_path}: repaired: 1 gaps cut, 1 log of nothing but zeros left out (subject6_self)"
    ]


@pytest.mark.parametrize(
    ("scenario", "sessions"),
    [("ideal", ["ideal"]), ("self", ["self", "self"]), ("mutual", ["mutual5"])],
)
def test_realdisp_is_read_by_scenario(scenario: str, sessions: list[str], tmp_path: Path) -> None:
    name = "realdisp+activity+recognition+dataset.zip"
    (tmp_path / name).write_bytes(zipped(realdisp_files()))
    card, recordings = read(f"realdisp-{scenario}", tmp_path)
    assert [r.session for r in recordings] == sessions
    assert card.name == f"realdisp-{scenario}"


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (
            lambda log: log[: log.rindex("\t")],
            r"ideal.log, line 150: has 119 columns",
        ),
        (lambda log: log.replace("\t33\n", "\t34\n", 1), r"record 51: unknown label 34"),
    ],
)
def test_realdisp_says_which_line_is_wrong(
    edit: Callable[[str], str], message: str, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=message):
        read("realdisp", unpacked({"subject1_ideal.log": edit(realdisp_log())}, tmp_path))


def test_realdisp_of_another_name_is_refused(tmp_path: Path) -> None:
    files = {"subject1_perfect.log": realdisp_log()}
    with pytest.raises(DataError, match=r"subject1_perfect.log: is no log of REALDISP by its name"):
        read("realdisp", unpacked(files, tmp_path))


# MotionSense: three rows a file, their first column without a name.

MOTIONSENSE_HEADER = [
    "",
    *("attitude.roll", "attitude.pitch", "attitude.yaw"),
    *(f"{k}.{a}" for k in ("gravity", "rotationRate", "userAcceleration") for a in "xyz"),
]


def motionsense_files(**others: str) -> dict[str, str | bytes]:
    rows = [
        (n, 1.5, -0.7, 0.7, 0.25, -0.75, 0.5, 0.1 * n, 2, -3, 0.5, 0.25, -0.125 * n)
        for n in range(3)
    ]
    files: dict[str, str] = {
        f"{trial}/sub_{subject}.csv": lines([MOTIONSENSE_HEADER, *rows], ",")
        for trial in ("dws_11", "std_6")
        for subject in (1, 24)
    }
    return {
        "__MACOSX/A_DeviceMotion_data/dws_11/._sub_1.csv": b"\0\5\26\7",
        "A_DeviceMotion_data/.DS_Store": b"\0",
        **{f"A_DeviceMotion_data/{name}": text for name, text in (files | others).items()},
    }


def test_motionsense_adds_gravity_to_what_the_user_did(tmp_path: Path) -> None:
    repository: dict[str, str | bytes] = {
        "motion-sense-master/data/A_DeviceMotion_data.zip": zipped(motionsense_files()),
        "motion-sense-master/data/B_Accelerometer_data.zip": zipped(
            {"B_Accelerometer_data/dws_11/sub_1.csv": ",x,y,z\n1,0,0,0\n"}
        ),
        "motion-sense-master/data/data_subjects_info.csv": "\ufeffcode,weight\n1,102\n",
    }
    (tmp_path / "motion-sense-master.zip").write_bytes(zipped(repository))
    card, recordings = read("motionsense", tmp_path)
    assert found(recordings) == [
        *(("1", "dws_11", 3), ("24", "dws_11", 3)),
        *(("1", "std_6", 3), ("24", "std_6", 3)),
    ]
    expected: list[list[float]] = [
        [0.75] * 3,
        [-0.5] * 3,
        [0.5, 0.375, 0.25],
        [0, 0.1, 0.2],
        [2] * 3,
        [-3] * 3,
    ]
    np.testing.assert_array_equal(recordings[3].signal, np.array(expected, np.float32))
    assert card.classes[labels_of(recordings[0])[0]] == "downstairs"
    assert card.classes[labels_of(recordings[3])[0]] == "standing"


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"dws_1/sub_2.csv": lines([MOTIONSENSE_HEADER, range(14)], ",")}, r"line 2: has 14 col"),
        ({"dws_1/sub_2.csv": "a,b\n1,2\n"}, r"dws_1/sub_2.csv: has no column 'gravity.x'"),
        ({"fly_1/sub_2.csv": lines([MOTIONSENSE_HEADER, range(13)], ",")}, r"unknown label 'fly'"),
    ],
)
def test_motionsense_of_something_else_is_refused(
    files: dict[str, str], message: str, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=message):
        read("motionsense", unpacked(motionsense_files(**files), tmp_path))


# HHAR: two devices of two people, all in one file a sensor; a phone at 100 Hz, a watch at 50.

HHAR_HEADER = "Index,Arrival_Time,Creation_Time,x,y,z,User,Model,Device,gt"


def hhar_files(**others: str) -> dict[str, str | bytes]:
    files: dict[str, str | bytes] = {"Activity recognition exp/readme.txt": "readme"}
    for kind, model, rate, users in (("Phones", "s3mini", 100, "ba"), ("Watch", "gear", 50, "a")):
        for sensor, size in (("accelerometer", 9.80665), ("gyroscope", 2.0)):
            rows: list[list[object]] = [[*HHAR_HEADER.split(",")]]
            for user in users:
                for step in range(2 * rate):
                    stamp = 1424696638740 * 10**6 + step * 10**9 // rate
                    gt = "null" if step < rate else "stairsup"
                    sample = (size, 0.0, -size * step)
                    device = (user, model, f"{model}_1", gt)
                    rows.append([step, 1424696633908 + step, stamp, *sample, *device])
                    if step == 5:
                        rows.append(rows[-1])  # a stamp stands twice
            files[f"Activity recognition exp/{kind}_{sensor}.csv"] = lines(rows, ",")
    return files | {f"Activity recognition exp/{name}": text for name, text in others.items()}


def test_hhar_gives_a_stream_for_each_device_of_each_person(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    archive = {
        "Activity recognition exp.zip": zipped(hhar_files()),
        "Still exp.zip": zipped({"Still exp/Phones_accelerometer.csv": "other"}),
    }
    (tmp_path / "heterogeneity+activity+recognition.zip").write_bytes(zipped(archive))
    card, recordings = read("hhar", tmp_path)
    assert found(recordings) == [
        ("a", "s3mini_1", 100),
        ("b", "s3mini_1", 100),
        ("a", "gear_1", 100),
    ]
    for recording, per_sample in zip(recordings, (2, 2, 1), strict=True):
        np.testing.assert_allclose(recording.signal[0], 1, atol=1e-4)
        np.testing.assert_allclose(recording.signal[3], 2, atol=1e-4)
        ramp = -np.arange(100.0)[20:80] * per_sample  # away from the edges of the filter
        np.testing.assert_allclose(recording.signal[2][20:80], ramp, rtol=1e-3)
        np.testing.assert_allclose(recording.signal[5][20:80], 2 * ramp, rtol=1e-3)
        assert labels_of(recording) == [-1] * 50 + [4] * 50
    assert card.classes[4] == "upstairs"
    assert len(caplog.messages) == 1
    assert caplog.messages[0].endswith(": repaired: 6 samples of a repeated stamp left out")


def test_hhar_says_what_only_one_sensor_has(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    files = hhar_files()
    text = str(files["Activity recognition exp/Phones_gyroscope.csv"]).replace(",b,", ",c,")
    files = hhar_files(**{"Phones_gyroscope.csv": text})
    assert len(read("hhar", unpacked(files, tmp_path))[1]) == 2
    assert "2 streams of one of two sensors left out" in caplog.messages[0]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("0,1,2,3,4,5,a,gear,gear_1", r"Watch_gyroscope.csv, record 1: unknown label ''"),
        ("0,1,2,3,4,5,a,gear,gear_1,walk,7", r"Watch_gyroscope.csv, line 2: has 11 columns"),
        ("0,1,2,3,4,5,a,gear,gear_1,fly", r"Watch_gyroscope.csv, record 1: unknown label 'fly'"),
        ("0,1,,3,4,5,a,gear,gear_1,walk", r"gear_1 of a has a sample with no time"),
    ],
)
def test_hhar_says_which_line_is_wrong(row: str, message: str, tmp_path: Path) -> None:
    files = hhar_files(**{"Watch_gyroscope.csv": f"{HHAR_HEADER}\n{row}\n"})
    with pytest.raises(DataError, match=message):
        read("hhar", unpacked(files, tmp_path))


# Capture-24: packed files of six rows, two of them unlabelled, and a dictionary of annotations.


def capture24_files(**others: str) -> dict[str, str | bytes]:
    notes = ["7030 sleeping;MET 0.95"] * 2 + [""] * 2 + ['"home;tidying, with help;MET 3.0"'] * 2
    tables = {
        f"{person}.csv.gz": "time,x,y,z,annotation\n"
        + "".join(
            f"2014-05-07 13:29:50.{43 + step}0000,0.5,-0.25,{step},{note}\n"
            for step, note in enumerate(notes)
        )
        for person in ("P001", "P151")
    }
    return {
        "capture24/annotation-label-dictionary.csv": (
            "annotation,label:WillettsSpecific2018,label:Walmsley2020\n"
            "7030 sleeping;MET 0.95,sleep,sleep\n"
            '"home;tidying, with help;MET 3.0",household-chores,light\n'
        ),
        "capture24/metadata.csv": "pid,age,sex\nP001,38-52,F\n",
        **{f"capture24/{n}": gzip.compress(t.encode()) for n, t in (tables | others).items()},
    }


def test_capture24_takes_classes_from_the_dictionary(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "capture24.zip").write_bytes(zipped(capture24_files()))
    card, recordings = read("capture-24", tmp_path)
    assert found(recordings) == [("P001", "P001", 6), ("P151", "P151", 6)]
    expected = [[0.5] * 6, [-0.25] * 6, [*range(6)]]
    np.testing.assert_array_equal(recordings[1].signal, np.array(expected, np.float32))
    assert labels_of(recordings[0]) == [0, 0, -1, -1, 6, 6]
    assert card.classes[6] == "household-chores"
    assert not caplog.messages


def test_capture24_reads_a_dictionary_in_which_nothing_is_quoted(tmp_path: Path) -> None:
    files = capture24_files()
    name = "capture24/annotation-label-dictionary.csv"
    text = files[name]
    assert isinstance(text, str)
    files[name] = text.replace('"home;tidying, with help;MET 3.0"', "home;tidying;MET 3.0")
    table = "time,x,y,z,annotation\n2014-05-07 13:29:50.00,0,0,1,home;tidying;MET 3.0\n"
    table += "2014-05-07 13:29:50.01,0,0,1,home;tidying;MET 3.0\n"
    for person in ("P001", "P151"):
        files[f"capture24/{person}.csv.gz"] = gzip.compress(table.encode())
    _, recordings = read("capture-24", unpacked(files, tmp_path))
    assert labels_of(recordings[0]) == [6, 6]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("2014-05-07 13:29:50,1,2", r"P002.csv.gz, line 2: has 3 columns, expected 5"),
        ("2014-05-07 13:29:50,1,2,3,,5", r"P002.csv.gz, line 2: has 6 columns, expected 5"),
        ("2014-05-07 13:29:50,1,2,3,nap", r"P002.csv.gz, record 1: unknown label 'nap'"),
        ("noon,1,2,3,", r"P002.csv.gz, record 1: 'noon' is no time"),
    ],
)
def test_capture24_says_which_line_is_wrong(row: str, message: str, tmp_path: Path) -> None:
    files = capture24_files(**{"P002.csv.gz": f"time,x,y,z,annotation\n{row}\n"})
    with pytest.raises(DataError, match=message):
        read("capture-24", unpacked(files, tmp_path))


def test_capture24_of_a_cut_file_is_refused(tmp_path: Path) -> None:
    files = capture24_files()
    cut = files["capture24/P151.csv.gz"][:60]
    with pytest.raises(DataError, match=r"capture24/P151.csv.gz is damaged or cut"):
        read("capture-24", unpacked(files | {"capture24/P151.csv.gz": cut}, tmp_path))


@pytest.mark.parametrize(
    ("name", "archive"),
    [
        ("capture-24", r"capture24\.zip of 'capture-24'"),
        ("hhar", r"heterogeneity\+activity\+recognition\.zip .* of 'hhar'"),
        ("harth", r"harth\.zip of 'harth'"),
        ("motionsense", r"A_DeviceMotion_data\.zip nor motion-sense-master\.zip of 'motionsense'"),
        ("realdisp-self", r"realdisp\+activity\+recognition\+dataset\.zip .* of 'realdisp'"),
        ("wisdm-v1", r"WISDM_ar_latest\.tar\.gz of 'wisdm-v1'"),
        ("wisdm-2019-watch", r"wisdm\+smartphone\+.*\.zip .* of 'wisdm-2019'"),
    ],
)
def test_what_is_not_there_is_said_with_the_archive(
    name: str, archive: str, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=rf"has neither .* nor {archive}: .* --root"):
        open_dataset(name, root=tmp_path)


def test_scenarios_and_devices_are_data_sets_of_their_own(tmp_path: Path) -> None:
    root = unpacked(realdisp_files() | wisdm_2019_files(), tmp_path)
    assert len(open_dataset("realdisp-ideal", 50, 50, root=root)) == 3
    assert len(open_dataset("realdisp-self", 50, 50, root=root)) == 2
    assert len(open_dataset("realdisp", 50, 50, root=root)) == 8
    assert open_dataset("wisdm-2019-phone", 8, 8, root=root).card.name == "wisdm-2019-phone"
    assert READERS["realdisp-ideal"].what.endswith("placed by an instructor")
